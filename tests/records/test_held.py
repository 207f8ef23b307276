"""What of the files of many samples is held: outlines of rows, times in arrays, what shards have in common once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.records.conditions import CLEAN
from foolscape.records.reader import read_record
from foolscape.records.row import AnyRow, Line, Row, failure
from foolscape.records.run import ShardRecord
from foolscape.records.scan import read_rows
from foolscape.records.timings import (
    ProbeTiming,
    keep_timings,
    probe_timing_bytes,
    read_timings,
    seconds_by_place,
    times_of,
)
from foolscape.run.merging.parts import parts_in
from tests.written import model_record, run_record, write_run, write_timings

IDS = ("a", "b", "c")


def row(model: str, name: str) -> AnyRow:
    measured = PixelsMeasured({0: 3}, {0: 3, 1: 1})
    return Row(model=model, id=name, condition=CLEAN, size=(2, 2), measured=measured)


def written(directory: Path) -> list[Line]:
    """Two models without labels, of which the second fails on one image and the first on none, the last image first."""
    models = [model_record(spec, labelled=False) for spec in ("m", "n")]
    lines: list[Line] = [row("m", name) for name in reversed(IDS)]
    lines += [failure("n", "b", "torn"), row("n", "c"), failure(None, "a", "gone")]
    write_run(directory, run_record(models, IDS), lines)
    return lines


def test_outlines_are_the_rows_without_what_was_measured(tmp_path: Path) -> None:
    lines = written(tmp_path)
    rows = read_rows(tmp_path, read_record(tmp_path))
    for found, line in zip(rows.outlines(), lines, strict=True):
        if isinstance(found, Row) and isinstance(line, Row):
            assert found.measured == {"hit": {"0": 3}, "predicted": {"0": 3, "1": 1}}
            assert replace(found, measured=line.measured) == line
        else:
            assert found == line


def test_failures_stand_in_the_order_of_the_run_or_of_the_files(tmp_path: Path) -> None:
    written(tmp_path)
    rows = read_rows(tmp_path, read_record(tmp_path))
    assert [one.id for one in rows.failures()] == ["a", "b"]
    assert [one.id for one in rows.failures_in_files()] == ["b", "a"]


def test_times_are_those_that_were_written_last(tmp_path: Path) -> None:
    record = run_record([model_record("m"), model_record("n")], IDS)
    write_timings(tmp_path, {("m", "c"): 1.0, ("n", "a"): 4.0, ("m", "x"): 9.0})
    path = tmp_path / "timings.jsonl"
    again = b'{"model": "m", "id": "c", "seconds": 3.0}\n{"model": "m", "id": "a", "seconds": 2.0}\n'
    path.write_bytes(path.read_bytes() + again + probe_timing_bytes(ProbeTiming(model="m", probes=7.0)) + b'{"model"')
    found = seconds_by_place(tmp_path, record)
    np.testing.assert_array_equal(found["m"], [2.0, np.nan, 3.0])
    np.testing.assert_array_equal(found["n"], [4.0, np.nan, np.nan])
    times = times_of(tmp_path, record)
    assert (times.image, times.probes) == ({"m": 2.5, "n": 4.0}, {"m": 7.0})
    assert seconds_by_place(tmp_path / "nowhere", record) == {}


def test_times_of_samples_that_are_attacked_again_go(tmp_path: Path) -> None:
    write_timings(tmp_path, {("m", name): 1.0 for name in IDS})
    path = tmp_path / "timings.jsonl"
    path.write_bytes(path.read_bytes() + probe_timing_bytes(ProbeTiming(model="m", probes=7.0)))
    whole, before = path.read_bytes(), path.stat().st_ino
    keep_timings(tmp_path, {("m", name) for name in IDS})
    assert path.stat().st_ino == before
    path.write_bytes(whole[:-1])
    keep_timings(tmp_path, {("m", name) for name in IDS})
    assert path.read_bytes() == whole
    path.write_bytes(whole + b'{"model": "m"')
    keep_timings(tmp_path, {("m", "a"), ("m", "c")})
    assert list(read_timings(tmp_path)) == [("m", "a"), ("m", "c")]
    assert path.read_bytes().endswith(b'"probes": 7.0}\n')
    keep_timings(tmp_path / "nowhere", set())


def test_shards_hold_what_they_have_in_common_once(tmp_path: Path) -> None:
    whole = run_record([model_record("m")], IDS)
    for number, own in ((1, (0, 2)), (2, (1,))):
        samples = tuple(
            replace(one, sha256="9f" * 32 if place in own else None) for place, one in enumerate(whole.samples)
        )
        shard = ShardRecord(number=number, of=2, samples=own)
        write_run(tmp_path / str(number), replace(whole, samples=samples, shard=shard))
    first, second = (part.record for part in parts_in([tmp_path / "2", tmp_path / "1"]))
    assert (first.ids, second.ids) == (("a", "c"), ("b",))
    assert [one.sha256 is not None for one in second.samples] == [False, True, False]
    assert second.order is first.order
    assert second.order == {name: place for place, name in enumerate(IDS)}
