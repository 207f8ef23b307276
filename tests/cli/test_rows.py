"""`foolscape rows` gives the rows of a run, from its lines or from Parquet parts, and changes nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from foolscape.cli import main
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.records import parts
from foolscape.records.conditions import CLEAN
from foolscape.records.places import ROWS
from foolscape.records.row import Row, failure
from foolscape.run.directory import store as stores
from foolscape.run.directory.store import open_run

from ..written import model_record, run_record

IDS = [f"photo{number}" for number in range(12)]
RECORD = run_record([model_record(labelled=False), model_record("other", labelled=False)], IDS)

PIXELS = PixelsMeasured({0: 9}, {0: 20})

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module", params=["lines", "parts"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose rows came in another order than that of its images, one of which failed."""
    out = tmp_path_factory.mktemp("rows") / "run"
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "parts":
            pytest.importorskip("pyarrow", reason="foolscape[parquet]")
            patch.setattr(parts, "MANY", 5)
            patch.setattr(stores, "SEALED_BYTES", 500)
        with open_run(out, RECORD, [CLEAN]) as store:
            for model in ("other", "m"):
                for name in reversed(IDS):
                    row = Row(model=model, id=name, condition=CLEAN, size=(4, 5), measured=PIXELS)
                    store.append([failure(model, name, "no é in it") if name == "photo7" else row])
    return out


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["rows", *map(str, words)])
        return int(caught.value.code or 0), *capfd.readouterr()

    return run


def test_rows_are_whole_lines_in_the_order_of_the_run(made: Path, said: Said, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    code, out, _ = said(made)
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert [(one["model"], one["id"]) for one in found] == [(model, name) for model in ("m", "other") for name in IDS]
    assert found[0]["measured"]
    assert said(made, "--to", tmp_path / "rows.jsonl")[:2] == (0, "")
    assert [json.loads(line) for line in (tmp_path / "rows.jsonl").read_bytes().splitlines()] == found
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_some_are_chosen_by_model_condition_and_id(made: Path, said: Said) -> None:
    _, out, _ = said(made, "--model", "other", "--ids", "photo9,photo2")
    assert [(one["model"], one["id"]) for one in map(json.loads, out.splitlines())] == [
        ("other", "photo2"), ("other", "photo9"),
    ]  # fmt: skip
    _, out, _ = said(made, "--condition", "failed")
    assert [one["reason"] for one in map(json.loads, out.splitlines())] == ["no é in it"] * 2
    assert said(made, "--condition", "noise")[:2] == (0, "")


def test_tables_have_a_column_for_what_stands_in_a_line(made: Path, said: Said, tmp_path: Path) -> None:
    _, out, _ = said(made, "--format", "csv", "--model", "m")
    found = list(csv.DictReader(io.StringIO(out)))
    assert [one["id"] for one in found] == IDS
    assert (found[0]["height"], found[0]["reason"]) == ("4", "")
    assert found[7]["reason"] == "no é in it"
    parquet = pytest.importorskip("pyarrow.parquet", reason="foolscape[parquet]")
    assert said(made, "--format", "parquet", "--to", tmp_path / "rows.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table.column_names == [*parts.COLUMNS, "row"]
    assert table.column("id").to_pylist() == IDS * 2


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--model", "third"), 2, r"expected one of the run \(m, other\), got third"),
        (("--ids", "photo1,nowhere"), 2, "expected ids of images of the run, got nowhere"),
        (("--format", "parquet"), 2, "expected --to FILE for parquet"),
    ],
)
def test_what_is_not_there_is_refused(made: Path, said: Said, words: tuple[str, ...], code: int, expected: str) -> None:
    found, out, err = said(made, *words)
    assert (found, out) == (code, "")
    assert re.search(expected, " ".join(err.split()))


def test_a_line_that_breaks_off_is_left_out_and_said(made: Path, said: Said, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    (torn / "run.json").write_bytes((made / "run.json").read_bytes())
    _, out, _ = said(made, "--model", "m")
    (torn / ROWS).write_bytes(out.encode()[:-9])
    code, again, err = said(torn)
    assert code == 0
    assert again.splitlines() == out.splitlines()[:-1]
    assert "note: left out, for it cannot be read: rows.jsonl, line 12: it breaks off" in err
