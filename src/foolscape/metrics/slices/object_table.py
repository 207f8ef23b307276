"""The objects of many images side by side: a few numbers of each, and no array of its own for an image."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Bools, Floats, Ints
from foolscape.metrics.slices.objects import ImageObjects, Places, Shares


@dataclass(frozen=True)
class ObjectTable:
    """The K objects of N images, image by image.

    Attributes:
        known: (N,) of which images the objects are known.
        counts: (N,) how many each has; 0 where they are not known.
        places, weights, right: of the objects, as of `ImageObjects`.
    """

    known: Bools
    counts: Ints
    places: Places
    weights: Floats
    right: dict[str, Floats]

    def number(self, chosen: Bools) -> Ints:
        """(N,) how many of the `chosen` (K,) objects each image has."""
        return np.asarray(np.bincount(self._images[chosen], minlength=len(self.counts)), np.int64)

    def number_in(self, images: Bools) -> int | None:
        """How many objects some of the images (N,) have; None where they are not known of any of these."""
        known = images & self.known
        return int(self.counts[known].sum()) if known.any() else None

    def shares(self, chosen: Bools, condition: str, seed: int = 0) -> Shares:
        """What is right of the `chosen` (K,) objects under a condition, of the images whose objects are known."""
        counts = self.number(chosen)
        right, weight = (sums_by(values[chosen], counts) for values in (self.right[condition], self.weights))
        return Shares(right[self.known], weight[self.known], seed)

    @property
    def _images(self) -> Ints:
        """(K,) the image of each object."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def sums_by(values: Floats, counts: Ints) -> Floats:
    """(N,): the sum of the first `counts[0]` values, of the `counts[1]` behind them, ..; each as `numpy.sum` has it."""
    begins = np.cumsum(counts) - counts
    sums = np.zeros(len(counts))
    for count in np.unique(counts[counts > 0]):
        images = np.flatnonzero(counts == count)
        sums[images] = values[begins[images, None] + np.arange(count)].sum(axis=1)
    return sums


class ObjectRows:
    """Takes the objects of images, in any order; of an image that comes again the last ones count."""

    def __init__(self) -> None:
        self._places, self._begins, self._counts = array("q"), array("q"), array("q")
        self._numbers: dict[str, array[Any]] = {}

    def add(self, place: int, objects: ImageObjects | None) -> None:
        """The objects of the image at a place; None where they are not known."""
        self._places.append(place)
        self._begins.append(len(self._numbers.get("weights", ())))
        self._counts.append(-1 if objects is None else len(objects.weights))
        if objects is None:
            return
        places = objects.places
        moved = np.full(len(objects.weights), np.nan) if places.moved is None else places.moved
        columns = {"areas": places.areas, "centres": places.centres, "moved": moved, "weights": objects.weights}
        self._take("labels", places.labels, np.int64)
        for name, values in {**columns, **{f"right {one}": of for one, of in objects.right.items()}}.items():
            self._take(name, values, np.float64)

    def _take(self, name: str, values: NDArray[Any], dtype: type) -> None:
        column = self._numbers.setdefault(name, array("q" if dtype is np.int64 else "d"))
        column.frombytes(np.ascontiguousarray(values, dtype).tobytes())

    def table(self, images: int) -> ObjectTable | None:
        """Those of N images; None where they are not known of any."""
        at, last = np.unique(np.array(self._places, np.int64)[::-1], return_index=True)
        entries = len(self._places) - 1 - last
        begins, counts = (np.array(values, np.int64)[entries] for values in (self._begins, self._counts))
        there = counts >= 0
        if not there.any():
            return None
        at, begins, counts = at[there], begins[there], counts[there]
        known, whole = np.zeros(images, np.bool_), np.zeros(images, np.int64)
        known[at], whole[at] = True, counts
        which = np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
        columns = {name: np.array(values) for name, values in self._numbers.items()}
        centres = columns.pop("centres").reshape(-1, 2)[which]
        own = {name: values[which] for name, values in columns.items()}
        places = Places(own["labels"].astype(np.int64), own["areas"], centres, own["moved"])
        right = {name.removeprefix("right "): values for name, values in own.items() if name.startswith("right ")}
        return ObjectTable(known, whole, places, own["weights"], right)
