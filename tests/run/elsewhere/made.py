"""Runs in a store in memory, for tests to make, stop and look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from foolscape.paths import run_folder_of
from foolscape.run.elsewhere.door import Workplace
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.stores.path import StorePath

OUT = "shelf://bucket/runs/val"


def store_path(address: str = OUT) -> StorePath:
    path = run_folder_of(address)
    assert isinstance(path, StorePath)
    return path


CLOCK = ("timings.jsonl", "progress.json", "report.html", ".lock", "run.json")
"""What no two runs have in common."""


def do(
    place: Path,
    settings: dict[str, Any],
    most: int | None = None,
    say: Callable[[str], None] = print,
    *,
    page: bool = False,
) -> None:
    """A run, or so many more samples of it."""
    done: list[str] = []

    @contextmanager
    def counted(title: str, total: int, before: int) -> Iterator[Callable[[str], None]]:
        del title, total, before
        yield done.append

    listener = Listener(say, counted, enough=lambda: most is not None and len(done) >= most)
    execute(make_config(settings), place, ["foolscape", "run"], listener, page=page)


def carried(settings: dict[str, Any], out: str = OUT, most: int | None = None, *, page: bool = False) -> list[str]:
    """A run in a store, or so many more samples of it; what was said."""
    said: list[str] = []
    path = run_folder_of(out)
    work = Workplace(path)
    with work.at_work(said.append) as place:
        do(place, settings, most, said.append, page=page)
    work.close()
    return said


@contextmanager
def other_machine(cache: Path) -> Iterator[None]:
    """Within it there is another cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOLSCAPE_CACHE", str(cache))
        yield


def figures(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a run but for what the clock says and what lies beside it."""
    return {place: content for place, content in files.items() if place not in CLOCK and not place.startswith(".")}


def folder(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}
