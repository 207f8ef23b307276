"""Records and files of runs, as the package writes them, for tests that need a directory and no model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foolscape.records.places import ROWS, RUN, SUMMARY, Kind, place_of, safe_name
from foolscape.records.reader import read_record
from foolscape.records.row import AnyRow, AttackResult, Line, rows_of
from foolscape.records.rows import forms_of, line_bytes, truth_bytes
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.scan import read_rows
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import DataRecord, ModelRecord, SampleRecord
from foolscape.records.summary import RunSummary
from foolscape.records.timings import Timing, timing_bytes
from foolscape.records.types import read
from foolscape.run.directory.begun import as_json


def model_record(spec: str = "m", task: str = "segmentation", **changes: Any) -> ModelRecord:
    """A model of two classes on data with labels of the same."""
    classes: tuple[str, ...] = changes.pop("classes", ("one", "two"))
    labelled = changes.pop("labelled", True)
    found: dict[str, Any] = {
        "model": spec, "slug": safe_name(spec), "task": task, "classes": classes,
        "channels": tuple(range(len(classes))) if labelled and task != "video" else None,
        "truth": task if labelled else None, "reference": "truth" if labelled else "clean prediction",
        "weights_sha256": "9f2c" * 16, "identity": {},
    }  # fmt: skip
    return ModelRecord(**(found | changes))


def run_record(
    models: Sequence[ModelRecord] = (), ids: Sequence[str] = (), attack: Mapping[str, Any] | None = None, **changes: Any
) -> RunRecord:
    """What run.json says of a run."""
    models = models or (model_record(),)
    reference = models[0].reference
    found: dict[str, Any] = {
        "schema": SCHEMA, "foolscape": "0.2.0", "command": ("foolscape", "run"), "config": {}, "models": tuple(models),
        "started": "2026-03-02T10:15:00+00:00", "task": models[0].task, "reference": reference,
        "data": DataRecord(spec="folder:photos", split="test", classes=None, samples=len(ids), sha256="41ab" * 16),
        "samples": tuple(SampleRecord(id=name) for name in ids), "attack": dict(attack or {"name": "none"}),
        "device": "cpu", "batch": 8, "seed": 7, "algorithms": {}, "versions": {"python": "3.11.7", "torch": "2.11.0"},
    }  # fmt: skip
    return RunRecord(**(found | changes))


def attack_result(success: bool | None = True, **changes: Any) -> AttackResult:
    """What an attack of 40 steps did."""
    found = {"success": success, "claimed": True, "iterations": 40, "remaining": 0, "targets": 60}
    return AttackResult(**(found | changes))


def write_run(
    directory: Path, record: AnyRecord, lines: Sequence[Line] = (), summary: Mapping[str, Any] | None = None
) -> Path:
    """run.json, rows.jsonl, and summary.json where there is one."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / RUN, as_json(record))
    (directory / ROWS).write_bytes(b"".join(line_bytes(line, forms_of(record)) for line in lines))
    if summary is not None:
        write_json(directory / SUMMARY, summary)
    return directory


def lines_of(directory: Path) -> list[AnyRow]:
    """The measured rows of a finished run."""
    return rows_of(read_rows(directory, read_record(directory)))


def write_truth(directory: Path, task: str, name: str, truth: object) -> None:
    """What predictions for an image are measured against."""
    path = directory / place_of(Kind.LABELS, name, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(truth_bytes(task, truth))


def write_timings(directory: Path, seconds: Mapping[tuple[str, str], float]) -> None:
    """timings.jsonl of these seconds, by model and id."""
    lines = (Timing(model=model, id=name, seconds=value) for (model, name), value in seconds.items())
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "timings.jsonl").write_bytes(b"".join(map(timing_bytes, lines)))


def typed(summary: Mapping[str, Any]) -> RunSummary:
    """What summary.json holds as reports read it."""
    return read(RunSummary, summary)


def summary_with(*models: Mapping[str, Any], **changes: Any) -> RunSummary:
    """The summary of a run of a segmentation network."""
    found = {
        "schema": SCHEMA, "task": "segmentation", "reference": "truth", "conventions": {}, "data": {},
        "attack": {"name": "pgd"}, "models": [{"slug": "net", "samples": 2, "conditions": {}} | one for one in models],
        "failures": [],
    }  # fmt: skip
    return typed(found | changes)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """`content` as JSON."""
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
