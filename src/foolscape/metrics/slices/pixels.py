"""The pixel counts of images of which any part is to be summed up: of each image the classes that it has alone."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from foolscape.metrics.boxes import Bools
from foolscape.metrics.intervals import dealt
from foolscape.metrics.segmentation import Counts
from foolscape.metrics.tasks.segmentation import PixelSample, SummedCounts, counts_of


class PixelParts:
    """Takes images one after the other, then sums up any of them.

    Args:
        classes: their names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._shown, self._labels = array("I"), array("H")
        self._pixels = array("q"), array("q"), array("q")

    def add(self, sample: PixelSample) -> None:
        """Count an image."""
        counts = counts_of(sample, len(self._classes))
        there = np.flatnonzero(counts.hit | counts.truth | counts.predicted)
        self._shown.append(len(there))
        self._labels.frombytes(there.astype(np.uint16).tobytes())
        for held, own in zip(self._pixels, (counts.hit, counts.truth, counts.predicted), strict=True):
            held.frombytes(own[there].astype(np.int64).tobytes())

    def of(self, members: Bools, seed: int) -> SummedCounts:
        """Of the images `members` (N,)."""
        images = int(members.sum())
        group = np.full(len(members), -1)
        group[members] = dealt(images, seed)
        own = np.repeat(group, np.array(self._shown, np.int64))
        inside = own >= 0
        at = own[inside], np.array(self._labels, np.int64)[inside]
        counts = []
        for held in self._pixels:
            whole = np.zeros((int(group.max()) + 1, len(self._classes)), np.int64)
            np.add.at(whole, at, np.array(held)[inside])
            counts.append(whole)
        shown = np.bincount(at[1][np.array(self._pixels[1])[inside] > 0], minlength=len(self._classes))
        return SummedCounts(Counts(*counts), shown, images, self._classes)
