"""Rows of many images in Parquet parts: the same rows, whatever was killed, lost or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foolscape.errors import MissingExtraError, RunError
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.records import parts
from foolscape.records.conditions import CLEAN
from foolscape.records.parts import parts_in
from foolscape.records.places import ROWS
from foolscape.records.row import Line, Row, failure
from foolscape.records.scan import read_rows, whole_rows
from foolscape.run.directory import store as stores
from foolscape.run.directory.store import open_run

from ..written import model_record, run_record

pyarrow = pytest.importorskip("pyarrow", reason="foolscape[parquet]")

IDS = [f"photo{number}" for number in range(40)]
RECORD = run_record([model_record(labelled=False), model_record("other", labelled=False)], IDS)


@pytest.fixture(autouse=True)
def _many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MANY", 10)
    monkeypatch.setattr(parts, "_GROUP_BYTES", 500)
    monkeypatch.setattr(stores, "SEALED_BYTES", 2000)


def lines_of(name: str, model: str) -> list[Line]:
    if name == "photo7":
        return [failure(model, name, "no é in it")]
    counts = {0: 1 + IDS.index(name)}
    return [Row(model=model, id=name, condition=CLEAN, size=(4, 5), measured=PixelsMeasured(counts, counts))]


def written(out: Path, names: list[str]) -> None:
    with open_run(out, RECORD, [CLEAN]) as store:
        for model in ("m", "other"):
            for name in names:
                if name not in store.settled_ids(model):
                    store.append(lines_of(name, model))


def told(rows: Any) -> list[Line]:
    return sorted(rows, key=lambda line: (line.model, IDS.index(line.id)))


def expected(names: list[str]) -> list[Any]:
    return [
        (line.model, line.id, getattr(line, "measured", None), getattr(line, "reason", None))
        for model in ("m", "other")
        for name in names
        for line in lines_of(name, model)
    ]


def seen(out: Path) -> list[Any]:
    rows = told(read_rows(out, RECORD))
    return [(line.model, line.id, getattr(line, "measured", None), getattr(line, "reason", None)) for line in rows]


def test_rows_come_back_from_parts_and_tail(tmp_path: Path) -> None:
    written(tmp_path, IDS[::-1])
    assert len(parts_in(tmp_path)) > 2
    assert (tmp_path / ROWS).stat().st_size
    assert seen(tmp_path) == expected(IDS)
    ordered = [lines[0].id for lines in read_rows(tmp_path, RECORD).samples("other")]
    assert ordered == IDS
    assert [(one.model, one.id) for one in read_rows(tmp_path, RECORD).failures()] == [
        ("m", "photo7"),
        ("other", "photo7"),
    ]


def test_a_run_that_goes_on_keeps_what_is_sealed(tmp_path: Path) -> None:
    written(tmp_path, IDS[:25])
    before = {number: (tmp_path / parts.part_place(number)).read_bytes() for number in parts_in(tmp_path)}
    written(tmp_path, IDS)
    assert seen(tmp_path) == expected(IDS)
    assert all((tmp_path / parts.part_place(number)).read_bytes() == content for number, content in before.items())


def test_a_kill_between_part_and_tail_leaves_no_row_twice(tmp_path: Path) -> None:
    written(tmp_path, IDS[:8])
    tail = (tmp_path / ROWS).read_bytes()
    with open_run(tmp_path, RECORD, [CLEAN]) as store:
        stores.seal(store.rows)
    (tmp_path / ROWS).write_bytes(tail)
    assert seen(tmp_path) == expected(IDS[:8])
    written(tmp_path, IDS[:8])
    assert (tmp_path / ROWS).read_bytes() == b""
    written(tmp_path, IDS)
    assert seen(tmp_path) == expected(IDS)


def test_a_torn_tail_costs_its_last_line(tmp_path: Path) -> None:
    written(tmp_path, IDS)
    with (tmp_path / ROWS).open("ab") as file:
        file.write(b'{"model": "m", "id"')
    with pytest.raises(RunError, match="it breaks off"):
        read_rows(tmp_path, RECORD)
    assert len(list(whole_rows(tmp_path, RECORD))) == 2 * len(IDS)
    written(tmp_path, IDS)
    assert seen(tmp_path) == expected(IDS)


@pytest.mark.parametrize("damage", ["torn", "gone", "text"])
def test_a_damaged_part_is_measured_again(tmp_path: Path, damage: str) -> None:
    written(tmp_path, IDS)
    place = tmp_path / parts.part_place(2)
    content = place.read_bytes()
    if damage == "gone":
        place.unlink()
    else:
        place.write_bytes(content[: len(content) // 2] if damage == "torn" else b"text")
        with pytest.raises(RunError, match="part-00002"):
            read_rows(tmp_path, RECORD)
    said: list[str] = []
    with open_run(tmp_path, RECORD, [CLEAN], said.append) as store:
        assert 0 < len(store.rows) < 2 * len(IDS)
    assert damage == "gone" or "part-00002" in said[0]
    written(tmp_path, IDS)
    assert seen(tmp_path) == expected(IDS)


def test_others_read_a_part_without_us(tmp_path: Path) -> None:
    written(tmp_path, IDS)
    table = pyarrow.parquet.read_table(tmp_path / "rows").to_pylist()
    one = next(row for row in table if row["id"] == "photo3")
    assert (one["model"], one["condition"], one["height"], one["width"]) == ("m", "clean", 4, 5)
    assert json.loads(one["row"])["measured"] == {"hit": {"0": 4}, "predicted": {"0": 4}}
    assert any(row["reason"] == "no é in it" for row in table)


def test_without_pyarrow_rows_stay_lines_and_parts_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "parts", IDS)
    said: list[str] = []
    monkeypatch.setattr(parts, "is_installed", lambda name: False)
    with open_run(tmp_path / "lines", RECORD, [CLEAN], said.append) as store:
        for name in IDS:
            store.append(lines_of(name, "m"))
    assert "foolscape[parquet]" in said[0]
    assert not parts_in(tmp_path / "lines")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"foolscape\[parquet\]"):
        read_rows(tmp_path / "parts", RECORD)
