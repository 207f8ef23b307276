"""The segments of label maps: from the maps that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.segmentation import VOID
from foolscape.metrics.slices.objects import PIXELS_RIGHT, Cut, ImageObjects, segments
from foolscape.metrics.slices.scored import CLEAN
from foolscape.metrics.sums import Pool
from foolscape.records.places import Kind
from foolscape.report.files import read_labels
from foolscape.run.slices.measured import MeasuredModel, TaskSlices

LEAST_PIXELS: Final = 64
"""Segments of fewer pixels do not make an image crowded: labels are full of splinters."""


def _objects(model: MeasuredModel) -> list[ImageObjects | None]:
    return [_of_image(model, name) for name in model.ids]


def _of_image(model: MeasuredModel, name: str) -> ImageObjects | None:
    """The segments of an image; of its clean prediction where there are no labels."""
    predictions: dict[str, NDArray[np.uint8]] = {}
    for condition in model.rows:
        place = model.place(Kind.PREDICTION, name, model.model.slug, model.condition(condition))
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


def _crowd(objects: ImageObjects) -> int:
    return int((objects.places.areas >= LEAST_PIXELS).sum())


def _pools(model: MeasuredModel, objects: Sequence[ImageObjects | None], part: Cut) -> Mapping[str, Pool[Any]]:
    """None: a pixel that is taken for another class is in no segment of that."""
    del model, objects, part
    return {}


RECORD: Final = TaskSlices("segments", _objects, _crowd, PIXELS_RIGHT, _pools, in_maps=True)
