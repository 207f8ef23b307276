"""The objects of images one by one, or the segments of label maps, and parts of them by size, place and class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Bools, Detected, Floats, Ints, Truth
from foolscape.metrics.intervals import dealt, left_out
from foolscape.metrics.score import Score
from foolscape.metrics.segmentation import VOID
from foolscape.metrics.slices.groups import COLUMNS, LINES, SIZE_NAMES, size_class, third

RIGHT: Final = "right"
"""The key of the score that is counted of objects one by one."""


@dataclass(frozen=True)
class Places:
    """What K objects of one image are.

    Attributes:
        labels: (K,) the class of each.
        areas: (K,) in square pixels.
        centres: (K, 2) x and y of the middle, in shares of the image's width and height.
        moved: (K,) of objects of clips, how far they move, in shares of the diagonal; NaN where that is not known.
    """

    labels: Ints
    areas: Floats
    centres: Floats
    moved: Floats | None = None


@dataclass(frozen=True)
class ImageObjects:
    """The objects of one image that count.

    Attributes:
        places: of K objects.
        weights: (K,) how much each counts: 1 for an object, its pixels for a segment.
        right: by condition (K,), how much of that is right.
    """

    places: Places
    weights: Floats
    right: Mapping[str, Floats]


@dataclass(frozen=True)
class Cut:
    """A slice of objects.

    Attributes:
        attribute, value: in words.
        of: which of K objects are in it.
        label: the class that it is, where it is one.
    """

    attribute: str
    value: str
    of: Callable[[Places], Bools]
    label: int | None = None


def cuts_of(classes: Sequence[str]) -> list[Cut]:
    """The slices of objects by size, place in the image and class."""
    return [*by_place(), *(Cut("class", name, _at(lambda p: p.labels, k), k) for k, name in enumerate(classes))]


def by_place() -> list[Cut]:
    """The slices of objects by size and place in the image."""
    return [
        *(Cut("size", name, _at(lambda p: size_class(p.areas), k)) for k, name in enumerate(SIZE_NAMES)),
        *(Cut("across", name, _at(lambda p: third(p.centres[:, 0]), k)) for k, name in enumerate(COLUMNS)),
        *(Cut("up and down", name, _at(lambda p: third(p.centres[:, 1]), k)) for k, name in enumerate(LINES)),
    ]


def _at(numbers: Callable[[Places], Ints], place: int) -> Callable[[Places], Bools]:
    return lambda places: np.asarray(numbers(places) == place)


@dataclass(frozen=True)
class Shares:
    """A `Summed` of what is right of N images: `right` and `weight` (N,), the first a part of the second; `seed`: of
    the groups that are left out.
    """

    right: Floats
    weight: Floats
    seed: int = 0

    @property
    def images(self) -> int:
        """N."""
        return len(self.weight)

    @property
    def _columns(self) -> Floats:
        """(N, 2)."""
        return np.stack([self.right, self.weight], axis=1)

    def once(self) -> Floats:
        """(1, 2): what is right, and what there is."""
        return np.asarray(np.ones((1, self.images)) @ self._columns)

    def without(self) -> Floats:
        """(G, 2)."""
        columns = self._columns
        if (columns != np.rint(columns)).any():
            return np.asarray(left_out(self.images, self.seed) @ columns)
        # Whole numbers, such as objects and pixels, add up to the same in any order, and take no (G, N) numbers then.
        group = dealt(self.images, self.seed)
        own = np.stack([np.bincount(group, weights=column) for column in columns.T], axis=1)
        return np.asarray(columns.sum(axis=0) - own)

    @property
    def percent(self) -> Floats:
        """(N,) the share of each image; NaN where there is nothing."""
        return share(self._columns)

    def parts(self, without: Floats, only_class: int | None) -> tuple[dict[str, float], dict[str, float]]:
        """Nothing besides."""
        del without, only_class
        return {}, {}


def share(pooled: Floats) -> Floats:
    """(R,): the first of the columns (R, 2) in percent of the second; NaN where that is 0."""
    some = pooled[:, 1] > 0
    return np.where(some, 100.0 * pooled[:, 0] / np.where(some, pooled[:, 1], 1.0), np.nan)


PIXELS_RIGHT: Final = Score[Floats](
    RIGHT,
    "pixels right",
    "Pixels right: share of the pixels of the segments that are predicted as what they are. A segment is a connected "
    "region of one class in the labels, corners included.",
    share,
)
OBJECTS_FOUND: Final = Score[Floats](
    RIGHT,
    "found",
    "Found: share of the objects with a detection of their class above a readable score, at an IoU of 0.5.",
    share,
)


def places_of(boxes: Floats, labels: Ints, areas: Floats, size: tuple[int, int]) -> Places:
    """What objects in (K, 4) boxes of an image of `size` (H, W) are."""
    with np.errstate(all="ignore"):  # detections may be anywhere
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.array([size[1], size[0]], np.float64)
    return Places(labels, areas, np.nan_to_num(middle, nan=0.0, posinf=1.0, neginf=0.0))


def truth_places(truth: Truth, size: tuple[int, int]) -> Places:
    """What all annotated objects of an image are."""
    return places_of(truth.boxes, truth.labels, truth.area, size)


def detected_places(detected: Detected, size: tuple[int, int]) -> Places:
    """What all detections in an image are; their area is that of the box."""
    with np.errstate(all="ignore"):
        area = np.nan_to_num((detected.boxes[:, 2:] - detected.boxes[:, :2]).prod(axis=1))
    return places_of(detected.boxes, detected.labels, area, size)


def segments(labels: NDArray[np.uint8], predictions: Mapping[str, NDArray[np.uint8]]) -> ImageObjects:
    """The segments of a label map (H, W) with void 255, and how many pixels of each every prediction has right."""
    from scipy.ndimage import find_objects, label  # here, for it takes as long to import as all metrics

    number = np.zeros(labels.shape, np.int64)
    classes: list[int] = []
    for value, box in enumerate(find_objects(labels.astype(np.int32) + 1)):
        if box is None or value == VOID:
            continue
        found, count = label(labels[box] == value, structure=np.ones((3, 3)))
        number[box] += np.where(found > 0, found + len(classes), 0)
        classes += [value] * count
    total = len(classes) + 1
    flat = number.ravel()
    pixels = np.bincount(flat, minlength=total)[1:].astype(np.float64)
    rows, columns = np.indices(labels.shape)
    middle = [
        np.bincount(flat, weights=(place.ravel() + 0.5) / length, minlength=total)[1:] / np.maximum(pixels, 1)
        for place, length in ((columns, labels.shape[1]), (rows, labels.shape[0]))
    ]
    right = {
        condition: np.bincount(flat, weights=(prediction == labels).ravel(), minlength=total)[1:].astype(np.float64)
        for condition, prediction in predictions.items()
    }
    places = Places(np.array(classes, np.int64), pixels, np.stack(middle, axis=1))
    return ImageObjects(places, pixels, right)
