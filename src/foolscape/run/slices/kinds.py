"""What of each kind of run is sliced: the rows of its models, clean and attacked, and where their images lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foolscape.records.conditions import ADVERSARIAL, Condition
from foolscape.records.places import MATRIX, RUNS
from foolscape.records.reader import read_record, read_result
from foolscape.records.row import Line
from foolscape.records.run import RunRecord, TransferRecord, UniversalRecord
from foolscape.records.scan import read_rows
from foolscape.records.stored import Rows, as_rows
from foolscape.records.subjects import ModelRecord
from foolscape.records.transfer_summary import TransferSummary
from foolscape.run.slices.make import Sliced
from foolscape.run.slices.measured import MeasuredModel


def sliced_run(directory: Path, record: RunRecord, lines: Rows | Sequence[Line]) -> Sliced:
    """A run in `directory`, of its run.json and the lines of its rows.jsonl, with their truth."""
    attacked = ADVERSARIAL.at(record.largest)
    condition = attacked if attacked in record.conditions else None
    rows = as_rows(lines, record)
    models = [MeasuredModel(directory, record, one, rows, condition) for one in record.models]
    return Sliced(directory, record, models, record.seed)


def sliced_in(directory: Path) -> Sliced | None:
    """A finished run, transfer or universal perturbation in `directory`; None for others, and without models.

    A hardening is two runs, which are sliced each by itself.
    """
    record = read_record(directory)
    if not isinstance(record, RunRecord | TransferRecord | UniversalRecord) or not record.models:
        return None
    lines = read_rows(directory, record)
    if isinstance(record, RunRecord):
        return sliced_run(directory, record, lines)
    if isinstance(record, UniversalRecord):
        models = [MeasuredModel(directory, record, one, lines, ADVERSARIAL) for one in record.models]
        return Sliced(directory, record, models, record.seed)
    matrix = read_result(directory, MATRIX, TransferSummary)
    pairs = [
        # Of images that were changed for another network no maps are kept.
        MeasuredModel(directory, record, model, lines, condition, change=made_for, maps=False)
        for condition, made_for in _changes(matrix, record.models)
        for model in record.models
    ]
    return Sliced(directory / RUNS / record.models[0].slug, record, pairs, int(record.config.get("seed", 0)))


def _changes(matrix: TransferSummary, models: Sequence[ModelRecord]) -> Iterator[tuple[Condition, str]]:
    """The changes that are no sums: the condition that they are, and whom they were made for."""
    specs = {model.slug: model.model for model in models}
    for line in matrix.lines:
        if not line.permuted and (len(line.sources) == 1 or line.joint):
            yield Condition(line.name), " & ".join(specs[slug] for slug in line.sources)
