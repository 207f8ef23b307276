"""Boxes of the bundled street: those of the visible pixels of cars, bicycles, people and signs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foolscape.data.boxes import DetectionSample, SameImages
from foolscape.data.scenes import open_scenes
from foolscape.metrics.boxes import Ints, Truth
from foolscape.scenes import CLASSES as LABELS
from foolscape.spec import Spec

CLASSES = tuple(name for name in LABELS if name in ("sign", "car", "bicycle", "person"))
"""The object classes, in the order of the street's labels; a tree has no clear outline."""

LEAST_PIXELS = 24
"""An object that shows fewer pixels is difficult: too little of it is left to be known."""

# Class of each label value, -1 for those that are no object.
_CLASS_OF = np.array([CLASSES.index(name) if name in CLASSES else -1 for name in LABELS], np.int64)


def scene_boxes(labels: NDArray[np.uint8], instances: NDArray[np.int32]) -> Truth:
    """The objects of a picture of the street, each with the tightest box around its visible pixels.

    Args:
        labels: (H, W) uint8, as in `foolscape.scenes.SceneFrame`.
        instances: (H, W) int32, 0 for no instance; all pixels of an instance have the same label.

    Returns:
        The objects in the order of their ids: classes as in `CLASSES`, area in visible pixels, difficult below
        `LEAST_PIXELS`, no crowds.
    """
    rows, columns = np.nonzero((instances > 0) & (_CLASS_OF >= 0)[labels])
    ids, first, which = np.unique(instances[rows, columns], return_index=True, return_inverse=True)
    left, right = _extent(which, columns, len(ids), labels.shape[1])
    top, bottom = _extent(which, rows, len(ids), labels.shape[0])
    pixels = np.bincount(which, minlength=len(ids))
    return Truth(
        np.stack([left, top, right, bottom], axis=1).astype(np.float64),
        _CLASS_OF[labels[rows[first], columns[first]]],
        pixels < LEAST_PIXELS,
        np.zeros(len(ids), np.bool_),
        pixels.astype(np.float64),
    )


def _extent(which: Ints, places: Ints, count: int, length: int) -> tuple[Ints, Ints]:
    """(K,) first and (K,) last place + 1, below `length`, of each of `count` objects; pixel i is of object which[i]."""
    # A table of what is seen where costs less than sorting the pixels or minimum.at.
    filled = np.zeros((count, length), np.bool_)
    filled[which, places] = True
    return filled.argmax(axis=1), length - filled[:, ::-1].argmax(axis=1)


def open_scene_boxes(spec: Spec, split: str | None = None) -> SameImages:
    """Open `scenes:[?seed=N][&count=N]` with boxes, by default the 1,000 pictures of test.

    Raises:
        UnknownNameError: a split that does not exist.
        SettingError: something behind the colon, a seed below 0 or a count below 1.
    """
    scenes = open_scenes(spec, split)

    def read(sample_id: str) -> DetectionSample:
        frame = scenes.frame(sample_id)
        return DetectionSample(sample_id, frame.image, scene_boxes(frame.labels, frame.instances))

    remark = f"boxes are those of the visible pixels; objects that show fewer than {LEAST_PIXELS} are difficult"
    return SameImages(scenes, CLASSES, (remark,), read)
