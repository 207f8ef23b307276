"""The segments of label maps: from the maps that a run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Bools
from foolscape.metrics.score import Measure
from foolscape.metrics.segmentation import VOID
from foolscape.metrics.slices.object_table import ObjectTable
from foolscape.metrics.slices.objects import PIXELS_RIGHT, Cut, ImageObjects, Places, segments
from foolscape.metrics.slices.pixels import PixelParts
from foolscape.metrics.slices.scored import CLEAN
from foolscape.metrics.sums import Summed
from foolscape.records.places import Kind
from foolscape.records.row import AnyRow
from foolscape.report.files import read_labels
from foolscape.run.slices.measured import MeasuredModel, SampleRows, TaskSlices

LEAST_PIXELS: Final = 64
"""Segments of fewer pixels do not make an image crowded: labels are full of splinters."""


def _objects(model: MeasuredModel, rows: SampleRows) -> ImageObjects | None:
    """The segments of an image; of its clean prediction where there are no labels."""
    name, predictions = rows[CLEAN].id, dict[str, NDArray[np.uint8]]()
    for condition, own in model.looked_at.items():
        place = model.place(Kind.PREDICTION, name, model.model.slug, own)
        found = read_labels(model.directory, place)
        if found is None:
            return None
        predictions[condition] = found
    truth = _truth(model, name) if model.model.channels is not None else predictions[CLEAN]
    if truth is None or any(one.shape != truth.shape for one in predictions.values()):
        return None
    if model.only is not None:
        truth = np.where(np.isin(truth, sorted(model.only)), truth, np.uint8(VOID))
    return segments(truth, predictions)


def _truth(model: MeasuredModel, name: str) -> NDArray[np.uint8] | None:
    """(H, W) the labels in the model's classes."""
    if model.model.truth is None or model.model.channels is None:
        return None
    labels = read_labels(model.directory, model.place(Kind.TRUTH, name, model.model.truth))
    own = np.full(256, VOID, np.uint8)
    own[: len(model.model.channels)] = model.model.channels
    return None if labels is None else np.asarray(own[labels])


def _crowds(places: Places) -> Bools:
    return places.areas >= LEAST_PIXELS


class _Parts:
    """The pixels of every image; none of a part of the segments: a pixel that is taken for another class is in no
    segment of that.
    """

    def __init__(self, measure: Measure[Any], classes: Sequence[str], cuts: Sequence[Cut]) -> None:
        del measure, cuts
        self._pixels = PixelParts(classes)

    def add(self, row: AnyRow) -> None:
        self._pixels.add(row.sample)

    def of(self, members: Bools, seed: int) -> Summed[Any]:
        return self._pixels.of(members, seed)

    def of_objects(self, cut: Cut, objects: ObjectTable, seed: int) -> None:
        del cut, objects, seed


RECORD: Final = TaskSlices("segments", _objects, _crowds, PIXELS_RIGHT, _Parts, in_maps=True)
