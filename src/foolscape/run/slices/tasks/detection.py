"""The annotated objects of images: from the rows, which hold all detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from foolscape.metrics.boxes import Bools
from foolscape.metrics.score import Measure
from foolscape.metrics.slices.boxes import BoxParts, MatchedPart, objects_of
from foolscape.metrics.slices.object_table import ObjectTable
from foolscape.metrics.slices.objects import OBJECTS_FOUND, Cut, ImageObjects
from foolscape.records.row import AnyRow
from foolscape.run.slices.measured import MeasuredModel, SampleRows, TaskSlices, every_object


def _objects(model: MeasuredModel, rows: SampleRows) -> ImageObjects:
    del model
    return objects_of({name: row.sample for name, row in rows.items()}, next(iter(rows.values())).size)


class _Parts:
    """The matches of every image, and those with the objects outside of a part ignored."""

    def __init__(self, measure: Measure[Any], classes: Sequence[str], cuts: Sequence[Cut]) -> None:
        del measure
        self._boxes = BoxParts(len(classes), cuts)

    def add(self, row: AnyRow) -> None:
        self._boxes.add(row.sample, row.size)

    def of(self, members: Bools, seed: int) -> MatchedPart:
        return self._boxes.of(members, seed)

    def of_objects(self, cut: Cut, objects: ObjectTable, seed: int) -> MatchedPart:
        del objects
        return self._boxes.of_objects(cut, seed)


RECORD: Final = TaskSlices("objects", _objects, every_object, OBJECTS_FOUND, _Parts)
