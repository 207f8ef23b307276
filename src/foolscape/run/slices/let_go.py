"""What slices take from pictures: from these themselves, or from what was written down before they were let go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.metrics.slices.objects import ImageObjects
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.row import Line, rows_of
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.traits import Traits, object_traits, objects_in, read_traits
from foolscape.run.slices.measured import MeasuredModel, TaskSlices, measured_model, task_slices
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
        (found,) = task.objects(measured_model(directory, record, model, rows, condition)) or [None]
    return Traits(
        model=first.model,
        id=first.id,
        light=light_in(directory, first.id, record.layout),
        objects=None if found is None else object_traits(found),
    )


def objects_of(model: MeasuredModel, task: TaskSlices) -> list[ImageObjects | None]:
    """The objects of each image of a model; None for an image of which neither pictures nor these are there."""
    known = (
        {one.id: one.objects for one in read_traits(model.directory) if one.model == model.model.model}
        if task.in_maps
        else {}
    )
    if not known:
        return task.objects(model)
    return [None if (found := known.get(name)) is None else objects_in(found) for name in model.ids]
