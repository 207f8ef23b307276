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

LARGEST_AREA: Final = 1e10
"""The upper end of COCO's area range "all", in square pixels: it leaves out whatever is larger."""

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


def tidy(detected: Detected) -> Detected:
    """The detections with every box and score usable, in the same order.

    A box that is not finite, is inside out or exceeds LARGEST_AREA becomes an empty box: it overlaps nothing and is a
    false positive. COCO's evaluators would match it (NaN) or leave it out (negative or huge area). A score of NaN
    becomes 0.
    """
    with np.errstate(all="ignore"):
        size = detected.boxes[:, 2:] - detected.boxes[:, :2]
        areas = size[:, 0] * size[:, 1]
        if (size >= 0).all() and (areas <= LARGEST_AREA).all() and np.isfinite(detected.scores).all():
            return detected  # no box of these is without an end
        usable = np.isfinite(detected.boxes).all(axis=1) & (size >= 0).all(axis=1) & (size.prod(axis=1) <= LARGEST_AREA)
    boxes = np.where(usable[:, None], detected.boxes, 0.0)
    return Detected(boxes, np.nan_to_num(detected.scores, nan=0.0, posinf=1.0, neginf=0.0), detected.labels)


def everywhere(truth: Truth) -> Bools:
    """(K,): which are crowds without an end, at any scale to which images are brought."""
    far = _FAR / 1000
    low, high = truth.boxes[:, :2], truth.boxes[:, 2:]
    return np.asarray(truth.crowd & (low < -far).all(axis=1) & (high > far).all(axis=1))


def pairwise_iou(one: Floats, other: Floats) -> Floats:
    """(K, L): intersection over union of (K, 4) and (L, 4) boxes; 0 where both are empty."""
    # Calculated as (L, K): numpy is slow in rows as short as an image has objects.
    x1, y1, x2, y2 = np.ascontiguousarray(one.T)
    u1, v1, u2, v2 = other.T[:, :, None]
    width = np.maximum(np.minimum(x2, u2) - np.maximum(x1, u1), 0.0)
    height = np.maximum(np.minimum(y2, v2) - np.maximum(y1, v1), 0.0)
    overlap = width * height
    union = _area(one) + _area(other)[:, None] - overlap
    share: Floats = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return share.T


def _area(boxes: Floats) -> Floats:
    area: Floats = np.maximum(boxes[:, 2] - boxes[:, 0], 0.0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    return area
