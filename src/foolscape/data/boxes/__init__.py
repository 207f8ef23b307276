"""What a data set for detection hands out: named 8-bit images with boxes, one at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from foolscape.data import upright
from foolscape.data.attributes import attributes_of
from foolscape.data.images import resize
from foolscape.data.sample import Data, Sample, SegmentationData
from foolscape.metrics.boxes import Bools, Truth, everywhere
from foolscape.strict import LossNote

_ROUNDING = 0.02
"""How far, in pixels, a box may reach beyond the image without a note: COCO rounds corner and size to two decimals."""


@dataclass(frozen=True)
class DetectionSample:
    """One image as a file would hold it, with its objects.

    Attributes:
        id: name within the data set, unique, stable between runs; may contain `/`.
        image: (H, W, 3) uint8 RGB, upright (EXIF orientation applied).
        truth: its objects, K = 0 where there are none; None without truth.
        notes: what had to be done to read it (grey made RGB, boxes clipped or left out), for the record.
    """

    id: str
    image: NDArray[np.uint8]
    truth: Truth | None
    notes: tuple[str, ...] = ()


DetectionData: TypeAlias = Data[DetectionSample]
"""A data set for detection."""


@dataclass(frozen=True)
class SameImages:
    """The images of a data set for segmentation with other truth; implements `DetectionData`.

    Attributes:
        source: whose spec, split, ids and fingerprints these are.
        classes: names of the object classes; None if there is no truth.
        remarks: notes besides those of `source`.
        read: loads a sample by its id.
    """

    source: SegmentationData
    classes: tuple[str, ...] | None
    remarks: tuple[str, ...]
    read: Callable[[str], DetectionSample]

    @property
    def spec(self) -> str:
        """The spec it was opened by."""
        return self.source.spec

    @property
    def split(self) -> str | None:
        """The split of the source."""
        return self.source.split

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the source."""
        return self.source.ids

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source, and the remarks."""
        return (*self.source.notes, *self.remarks)

    def fingerprint(self, sample_id: str) -> str:
        """The source's: its truth comes from the same files."""
        return self.source.fingerprint(sample_id)

    def load(self, sample_id: str) -> DetectionSample:
        """The image with its objects; raises `SampleError` if it cannot be used."""
        return self.read(sample_id)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """As of the source."""
        return attributes_of(self.source, sample_id)


def check_boxes(truth: Truth, size: tuple[int, int]) -> tuple[Truth, tuple[str, ...]]:
    """The objects of `truth` that an image of `size` = (H, W) can show, and a note for each kind of change.

    A box that is not finite, or has no area inside the image, is left out. A box that reaches beyond the image is
    clipped, and its area is then at most that of the clipped box. An area that is not a finite number, below 0, or more
    than the image has, becomes that of the box. A crowd without an end stays one.
    """
    height, width = size
    finite = np.asarray(np.isfinite(truth.boxes).all(axis=1))
    boxes = np.where(finite[:, None], truth.boxes, 0.0)
    endless = everywhere(truth)[:, None]
    inside = np.where(endless, boxes, boxes.clip(0.0, np.array([width, height, width, height])))
    sides = inside[:, 2:] - inside[:, :2]
    shown = np.logical_and(finite, (sides > 0).all(axis=1))
    beyond = np.logical_and(shown, (np.abs(inside - boxes) > _ROUNDING).any(axis=1))
    box_area = sides.prod(axis=1)
    area = np.where(beyond, np.minimum(truth.area, box_area), truth.area)
    guessed = np.logical_and(shown, ~((area >= 0) & (area <= height * width)))
    guessed &= ~endless[:, 0]
    area = np.where(guessed, box_area, area)
    kept = Truth(inside[shown], truth.labels[shown], truth.difficult[shown], truth.crowd[shown], area[shown])
    notes = (
        LossNote(_count(~finite, "whose corners are not finite numbers left out")),
        LossNote(_count(finite & ~shown, "without area inside the image left out")),
        _count(beyond, "clipped to the image"),
        _count(guessed, "with no usable area: that of the box taken"),
    )
    return kept, tuple(filter(None, notes))


@dataclass(frozen=True)
class Boxes:
    """The objects that `check_boxes` lets through.

    Attributes:
        truth: the objects.
        changes: a note for each kind of change.
        size: (H, W) of the image in the frame that they are given in.
    """

    truth: Truth
    changes: tuple[str, ...]
    size: tuple[int, int]


def turn_boxes(boxes: Boxes, orientation: int) -> Boxes:
    """Objects on the stored pixels, turned upright by an EXIF orientation, for `upright.settle`."""
    return dataclasses.replace(boxes, truth=upright.turn_boxes(boxes.truth, orientation, boxes.size))


def same_boxes(one: Boxes, other: Boxes) -> bool:
    """Whether two readings of the same objects lie at the same place, for `upright.settle`."""
    return np.array_equal(one.truth.boxes, other.truth.boxes) and np.array_equal(one.truth.labels, other.truth.labels)


def _count(which: Bools, what: str) -> str:
    """`which.sum()` boxes as a note; "" for none."""
    count = int(which.sum())
    return f"{count} box{'es' if count > 1 else ''} {what}" if count else ""


def resize_boxes(sample: DetectionSample, size: tuple[int, int]) -> DetectionSample:
    """`sample` at `size` = (H, W): the image as `images.resize` does it, boxes scaled per axis, areas by both factors.

    Raises:
        SettingError: a side of `size` is shorter than 8 pixels.
    """
    old_height, old_width = sample.image.shape[:2]
    image = resize(Sample(sample.id, sample.image, None), size).image
    truth = sample.truth
    if truth is not None:
        down, across = size[0] / old_height, size[1] / old_width
        boxes = truth.boxes * np.array([across, down, across, down])
        truth = dataclasses.replace(truth, boxes=boxes, area=truth.area * (down * across))
    return dataclasses.replace(sample, image=image, truth=truth)
