"""JSON Schema of the files of a run, from their records: `python -m foolscape.records.json_schema [FOLDER]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from foolscape.metrics.score import scores_of
from foolscape.records.beside import AnyProbes, AnyWiring
from foolscape.records.partial import PartialRecord
from foolscape.records.progress import Progress
from foolscape.records.results import AnySummary
from foolscape.records.row import Failure, Row
from foolscape.records.run import RECORDS
from foolscape.records.schema import SCHEMA
from foolscape.records.shard import ShardDone
from foolscape.records.slices import SlicesRecord
from foolscape.records.sweep import SweepRecord
from foolscape.records.timings import ProbeTiming, Timing
from foolscape.records.training import TrainingRecord
from foolscape.records.traits import Traits
from foolscape.records.workers import WorkerNote
from foolscape.tasks.base import TASKS

FOLDER: Final = Path("docs/schema")


def schemas() -> dict[str, dict[str, Any]]:
    """By name of the file that it describes."""
    row: Any = Row
    forms = {name: scores_of(name).form for name in TASKS}
    rows = [row[form.truth, form.measured] for form in forms.values()]
    truths = [form.truth for form in forms.values() if form.truth is not None]
    found = {
        "run": _of(_either(list(RECORDS.values())), "run.json"),
        "row": _of(_either([*rows, Failure]), "a line of rows.jsonl"),
        "summary": _of(AnySummary, "summary.json, and transfer.json of a transfer"),
        "slices": _of(SlicesRecord, "slices.json"),
        "shard": _of(ShardDone, "shard.json"),
        "sweep": _of(SweepRecord, "sweep.json"),
        "worker": _of(WorkerNote, "a line of workers.jsonl"),
        "progress": _of(Progress, "progress.json"),
        "timing": _of(_either([Timing, ProbeTiming]), "a line of timings.jsonl"),
        "traits": _of(Traits, "a line of traits.jsonl"),
        "partial": _of(PartialRecord, "partial.json of all but a run"),
        "probes": _of(AnyProbes, "probes/MODEL.json"),
        "training": _of(TrainingRecord, "training.json"),
        "truth": _of(_either(truths), "truth/FOLDER/NAME.json, under its key `truth`"),
        "wiring": _of(AnyWiring, "wiring/MODEL.json"),
    }
    return {f"{name}.json": schema for name, schema in found.items()}


def write(folder: Path) -> None:
    """Write every schema to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _either(kinds: list[Any]) -> Any:
    found = kinds[0]
    for kind in kinds[1:]:
        found = found | kind
    return found


def _of(kind: Any, of: str) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{of}, schema {SCHEMA}", **schema}


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
