"""What slices take from pictures, written down before they are let go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.row import Line, rows_of
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.stored import as_rows
from foolscape.records.traits import Traits, object_traits
from foolscape.run.slices.measured import MeasuredModel, task_slices
from foolscape.run.slices.pictures import light_in


def traits_of(directory: Path, record: AnyRecord, lines: Sequence[Line]) -> Traits | None:
    """What slices take from the pictures of a sample, of which `lines` are all rows of one model; None without rows."""
    rows = rows_of(lines)
    if not rows or not isinstance(record, RunRecord):
        return None
    (first, *_), found = rows, None
    attacked = ADVERSARIAL.at(record.largest)
    model = record.model(first.model)
    task = task_slices(model.task)
    if task is not None and task.in_maps:
        condition = attacked if attacked in record.conditions else None
        measured = MeasuredModel(directory, record, model, as_rows(lines, record), condition)
        sample = measured.sample(lines)
        found = None if sample is None else task.objects(measured, sample)
    return Traits(
        model=first.model,
        id=first.id,
        light=light_in(directory, first.id, record.layout),
        objects=None if found is None else object_traits(found),
    )
