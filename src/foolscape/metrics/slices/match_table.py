"""The matches of images of which any part is to be summed up: of a detection where it stands, its image and outcome."""

from __future__ import annotations

from array import array
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Ints
from foolscape.metrics.matched_images import ClassMatches, MatchedImages
from foolscape.metrics.matching import FALSE, LEFT_OUT, Matched

_Places = NDArray[np.int32]


class MatchTable:
    """Takes the matches of images by one rule, one after the other; then sums up parts of them.

    Args:
        classes: C.
        thresholds: T.
    """

    def __init__(self, classes: int, thresholds: int) -> None:
        self._classes, self._thresholds = classes, thresholds
        self._scores, self._labels, self._detections = array("d"), array("H"), array("I")
        self._told, self._outcomes = array("q"), array("b")
        self._truths, self._objects = array("q"), array("q")
        self._images = 0

    def add(self, image: Matched) -> None:
        """Take the matches of the next image; a detection that is left out at every threshold counts nowhere."""
        counted = (image.outcome != LEFT_OUT).any(axis=0)
        outcome, scores, labels = image.outcome[:, counted], image.scores[counted], image.labels[counted]
        told = np.flatnonzero((outcome != FALSE).any(axis=0))
        self._told.frombytes((told + len(self._scores)).astype(np.int64).tobytes())
        self._outcomes.frombytes(np.ascontiguousarray(outcome[:, told].T).astype(np.int8).tobytes())
        self._scores.frombytes(scores.astype(np.float64).tobytes())
        self._labels.frombytes(labels.astype(np.uint16).tobytes())
        self._detections.append(len(scores))
        shown = np.flatnonzero(image.truths)
        self._truths.frombytes((self._images * self._classes + shown).astype(np.int64).tobytes())
        self._objects.frombytes(image.truths[shown].astype(np.int64).tobytes())
        self._images += 1

    def of(self, group: Ints, label: int | None = None) -> MatchedImages:
        """The matches of some images.

        Args:
            group: (N,) from 0 on, the one that is left out with each image; below 0: it is none of them.
            label: of the one class that counts; None: all do.
        """
        images, classes = np.divmod(np.array(self._truths), self._classes)
        inside = (group[images] >= 0) & ((label is None) | (classes == label))
        truths = np.zeros((int(group.max()) + 1, self._classes), np.int64)
        np.add.at(truths, (group[images[inside]], classes[inside]), np.array(self._objects)[inside])
        return MatchedImages(tuple(self._of_class(one, group, label) for one in range(self._classes)), truths)

    def _of_class(self, one: int, group: Ints, label: int | None) -> ClassMatches:
        images, told, begins = self._sorted
        own = slice(0, 0) if label not in (None, one) else slice(begins[one], begins[one + 1])
        groups = group[images[own]]
        kept = groups >= 0
        row = told[own][kept]
        outcome = np.full((self._thresholds, len(row)), FALSE, np.int8)
        outcomes = np.frombuffer(self._outcomes, np.int8).reshape(-1, self._thresholds)
        outcome[:, row >= 0] = outcomes[row[row >= 0]].T
        return ClassMatches(groups[kept], outcome)

    @cached_property
    def _sorted(self) -> tuple[_Places, _Places, Ints]:
        """By class and falling score, equal ones in the order of the images: (D,) the image of each detection and where
        its outcome stands, below 0 where it is a false positive at every threshold; (C + 1,) where classes begin.
        """
        scores, labels = np.array(self._scores), np.array(self._labels)
        del self._scores, self._labels  # no more can be added
        order = np.lexsort((-scores, labels))
        told = np.full(len(scores), -1, np.int32)
        told[np.array(self._told)] = np.arange(len(self._told))
        images = np.repeat(np.arange(self._images, dtype=np.int32), np.array(self._detections, np.int64))
        begins = np.searchsorted(labels[order], np.arange(self._classes + 1))
        return images[order], told[order], begins
