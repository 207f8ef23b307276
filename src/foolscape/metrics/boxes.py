"""Boxes of one image, as truth and as detections; what the detection metrics and the rows of a run are made of.

Objects are kept as exactly as the data set gives them, detections in float32, as networks compute them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.wire import BoolArray, Box32Array, BoxArray, Float32Array, FloatArray, IntArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


_FAR: Final = 1e6
"""Pixels: beyond every image, and a number that any file can hold."""

EVERYWHERE: Final = (-_FAR, -_FAR, _FAR, _FAR)
"""The box of a crowd that has no end: of its class nothing is known in the image but the objects that are there."""


@dataclass(frozen=True)
class Truth:
    """The annotated objects of one image.

    Attributes:
        boxes: (K, 4) float64, x1, y1, x2, y2 in pixels; width is x2 - x1.
        labels: (K,) int64, index of the class.
        difficult: (K,) bool, VOC's flag: neither a hit nor a miss.
        crowd: (K,) bool, COCO's iscrowd: a region of many objects, neither a hit nor a miss. One whose box is
            `EVERYWHERE` says that nobody looked for its class, or for all of it: what is detected beside the objects
            of that class is neither.
        area: (K,) float64, COCO's area in square pixels (of the mask where there is one); sizes are told apart by it.
    """

    boxes: BoxArray
    labels: IntArray
    difficult: BoolArray
    crowd: BoolArray
    area: FloatArray


@dataclass(frozen=True)
class Detected:
    """The detections of one image, the highest score first.

    Attributes:
        boxes: (K, 4) float64, x1, y1, x2, y2 in pixels.
        scores: (K,) float64 in [0, 1].
        labels: (K,) int64, index of the class.
    """

    boxes: Box32Array
    scores: Float32Array
    labels: IntArray


def everywhere(truth: Truth) -> Bools:
    """(K,): which are crowds without an end, at any scale to which images are brought."""
    far = _FAR / 1000
    low, high = truth.boxes[:, :2], truth.boxes[:, 2:]
    return np.asarray(truth.crowd & (low < -far).all(axis=1) & (high > far).all(axis=1))


def pairwise_iou(one: Floats, other: Floats) -> Floats:
    """(K, L): intersection over union of (K, 4) and (L, 4) boxes; 0 where both are empty."""
    width, height = (
        np.maximum(
            np.minimum(one[:, None, axis + 2], other[None, :, axis + 2])
            - np.maximum(one[:, None, axis], other[None, :, axis]),
            0.0,
        )
        for axis in (0, 1)
    )
    overlap = width * height
    union = _area(one)[:, None] + _area(other)[None, :] - overlap
    share: Floats = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return share


def _area(boxes: Floats) -> Floats:
    area: Floats = np.maximum(boxes[:, 2] - boxes[:, 0], 0.0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    return area
