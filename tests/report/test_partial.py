"""The report of a run of clips or boxes that has not finished."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from foolscape.report.run_kinds import kind_of
from foolscape.run.partial import write_partial

from .page import Page

Make = Callable[..., Path]


@pytest.fixture(params=["film", "detect"])
def directory(request: pytest.FixtureRequest) -> Path:
    """A killed run of three samples, four rows each."""
    made: Path = request.getfixturevalue(request.param)()
    (made / "summary.json").unlink()
    return made


@pytest.mark.parametrize(("rows", "done"), [(0, 0), (4, 1), (7, 1)])
def test_the_page_is_of_the_samples_that_are_done(directory: Path, rows: int, done: int) -> None:
    lines = (directory / "rows.jsonl").read_text().splitlines(keepends=True)
    (directory / "rows.jsonl").write_text("".join(lines[:rows]))
    assert write_partial(directory) == [directory]
    kind, file = kind_of(directory), io.StringIO()
    page = Page(kind.write_page(directory).read_text(encoding="utf-8"))
    assert f"Unfinished: {done} of 3 " in page.text
    assert ("is done yet." in page.text) == (done == 0)
    kind.print_tables(directory, Console(file=file, width=80))
    assert f"Scores, unfinished: {done} of 3 " in file.getvalue()
