"""Boxes of one image, as truth and as detections; what the detection metrics and the rows of a run are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    boxes: Floats
    labels: Ints
    difficult: Bools
    crowd: Bools
    area: Floats

    def to_json(self) -> dict[str, Any]:
        """As lists, for a line of rows.jsonl."""
        return {
            "boxes": self.boxes.tolist(),
            "labels": self.labels.tolist(),
            "difficult": self.difficult.tolist(),
            "crowd": self.crowd.tolist(),
            "area": self.area.tolist(),
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Truth:
        """The inverse of `to_json`."""
        return Truth(
            np.array(record["boxes"], dtype=np.float64).reshape(-1, 4),
            np.array(record["labels"], dtype=np.int64),
            np.array(record["difficult"], dtype=np.bool_),
            np.array(record["crowd"], dtype=np.bool_),
            np.array(record["area"], dtype=np.float64),
        )


@dataclass(frozen=True)
class Found:
    """The detections of one image, the highest score first.

    Attributes:
        boxes: (K, 4) float64, x1, y1, x2, y2 in pixels.
        scores: (K,) float64 in [0, 1].
        labels: (K,) int64, index of the class.
    """

    boxes: Floats
    scores: Floats
    labels: Ints

    def to_json(self) -> dict[str, Any]:
        """As lists, for a line of rows.jsonl; float32 values come back exactly."""
        return {"boxes": self.boxes.tolist(), "scores": self.scores.tolist(), "labels": self.labels.tolist()}

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Found:
        """The inverse of `to_json`."""
        return Found(
            np.array(record["boxes"], dtype=np.float64).reshape(-1, 4),
            np.array(record["scores"], dtype=np.float64),
            np.array(record["labels"], dtype=np.int64),
        )


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
