"""The annotated objects of images: from the rows, which hold all detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foolscape.metrics.boxes import Truth
from foolscape.metrics.slices.boxes import BoxedImage, cut, objects_of
from foolscape.metrics.slices.objects import OBJECTS_FOUND, Cut, ImageObjects
from foolscape.metrics.slices.scored import CLEAN
from foolscape.metrics.sums import Pool
from foolscape.records.row import AnyRow
from foolscape.run.slices.measured import MeasuredModel, TaskSlices


def _objects(model: MeasuredModel) -> list[ImageObjects | None]:
    return [
        objects_of(_truth(row), {name: rows[place].measured for name, rows in model.rows.items()}, row.size)
        for place, row in enumerate(model.rows[CLEAN])
    ]


def _truth(row: AnyRow) -> Truth:
    assert row.truth is not None  # rows of detections always have theirs when they are read
    truth: Truth = row.truth
    return truth


def _crowd(objects: ImageObjects) -> int:
    return len(objects.weights)


def _pools(model: MeasuredModel, objects: Sequence[ImageObjects | None], part: Cut) -> Mapping[str, Pool[Any]]:
    """The matches of every image with the other objects ignored."""
    del objects
    return {
        name: cut([BoxedImage(_truth(row), row.measured, row.size) for row in rows], part, len(model.model.classes))
        for name, rows in model.rows.items()
    }


RECORD: Final = TaskSlices("objects", _objects, _crowd, OBJECTS_FOUND, _pools)
