"""Boxes of one image, as truth and as detections; what the detection metrics and the rows of a run are made of.

Objects are kept as exactly as the data set gives them, detections in float32, as networks compute them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.wire import BoolArray, Box32Array, BoxArray, Float32Array, FloatArray, IntArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """The annotated objects of one image.

    Attributes:
        boxes: (K, 4) float64, x1, y1, x2, y2 in pixels; width is x2 - x1.
        labels: (K,) int64, index of the class.
        difficult: (K,) bool, VOC's flag: neither a hit nor a miss.
        crowd: (K,) bool, COCO's iscrowd: a region of many objects, neither a hit nor a miss.
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


def pairwise_iou(one: Floats, other: Floats) -> Floats:
    """(K, L): intersection over union of (K, 4) and (L, 4) boxes; 0 where both are empty."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    overlap = (high - low).clip(min=0).prod(axis=2)
    union = _area(one)[:, None] + _area(other)[None, :] - overlap
    share: Floats = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return share


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1)
    return area
