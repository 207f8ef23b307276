"""How segmentation is scored: from pixel counts."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Floats, Ints
from foolscape.metrics.intervals import CONVENTIONS as INTERVALS
from foolscape.metrics.intervals import LEAST_CLEAN, SHOWN, around, weigh
from foolscape.metrics.sample import Form, Sample
from foolscape.metrics.score import Measure, Parts, Score, TaskScores, number, numbers
from foolscape.metrics.segmentation import (
    Counts,
    Kept,
    PixelsMeasured,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
    sparse,
    stack,
)


@dataclass(frozen=True)
class CountedImages:
    """A `Pool` of pixel counts.

    Attributes:
        counts: (N, C).
        classes: C names.
    """

    counts: Counts
    classes: Sequence[str]

    @property
    def images(self) -> int:
        """N."""
        return len(self.counts.hit)

    def once(self) -> Counts:
        """(1, C) counts."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Counts:
        """(R, C) counts."""
        return weigh(self.counts, weights)

    def parts(self, without: Counts, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The IoU of every class; intervals where enough images show the class."""
        del only_class
        point = iou_per_class(self.once())[0]
        shown = (self.counts.truth > 0).sum(axis=0)
        ends = np.stack(around(point, iou_per_class(without), shown, SHOWN)).T
        by_class = dict(zip(self.classes, numbers(point), strict=True))
        return {"per_class": by_class}, {"per_class": dict(zip(self.classes, map(numbers, ends), strict=True))}


@dataclass(frozen=True)
class SummedCounts:
    """A `Summed` of pixel counts.

    Attributes:
        groups: (G, C) counts of each group of images.
        shown: (C,) how many images show each class.
        images: N.
        classes: C names.
    """

    groups: Counts
    shown: Ints
    images: int
    classes: Sequence[str]

    def once(self) -> Counts:
        """(1, C) counts."""
        return Counts(*(field.sum(axis=0, keepdims=True) for field in _fields(self.groups)))

    def without(self) -> Counts:
        """(G, C) counts."""
        return Counts(*(field.sum(axis=0) - field for field in _fields(self.groups)))

    def parts(self, without: Counts, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The IoU of every class; intervals where enough images show the class."""
        del only_class
        point = iou_per_class(self.once())[0]
        ends = np.stack(around(point, iou_per_class(without), self.shown, SHOWN)).T
        by_class = dict(zip(self.classes, numbers(point), strict=True))
        return {"per_class": by_class}, {"per_class": dict(zip(self.classes, map(numbers, ends), strict=True))}


class PixelSums:
    """The `Sums` of pixel counts: of C `classes`, in the `group` of each image (N,)."""

    def __init__(self, classes: Sequence[str], group: Ints) -> None:
        self._classes, self._group, self._images = classes, group, 0
        cells = (int(group.max()) + 1) * len(classes)
        # Not numpy's: an image shows few of the classes, and to add to those one by one takes a tenth of the time.
        self._hit, self._truth, self._predicted = (array("q", bytes(8 * cells)) for _ in range(3))
        self._shown = array("q", bytes(8 * len(classes)))

    def add(self, sample: PixelSample) -> None:
        """Count an image; raises as `PixelsMeasured.counts`."""
        number = len(self._classes)
        begin = int(self._group[self._images]) * number
        for whole, own in (
            (self._hit, sample.measured.hit),
            (self._truth, sample.truth),
            (self._predicted, sample.measured.predicted),
        ):
            if own and not (min(own) >= 0 and max(own) < number):
                counts_of(sample, number)
            for label, pixels in own.items():
                whole[begin + label] += pixels
        for label, pixels in sample.truth.items():
            self._shown[label] += pixels > 0
        self._images += 1

    def summed(self) -> SummedCounts:
        """What was added."""
        fields = (self._hit, self._truth, self._predicted)
        counts = (np.frombuffer(field, np.int64).reshape(-1, len(self._classes)) for field in fields)
        return SummedCounts(Counts(*counts), np.frombuffer(self._shown, np.int64), self._images, self._classes)


def _fields(counts: Counts) -> tuple[Ints, Ints, Ints]:
    return counts.hit, counts.truth, counts.predicted


PixelTruth = dict[int, int]
"""Labelled pixels by the index of their class."""
PixelSample = Sample[PixelTruth, PixelsMeasured]


def sample_of(name: str, counts: Counts, kept: Kept | None = None) -> PixelSample:
    """The image `name` with the counts (C,) of a prediction."""
    return Sample(name, sparse(counts.truth), PixelsMeasured(sparse(counts.hit), sparse(counts.predicted), kept))


def counts_of(sample: PixelSample, classes: int) -> Counts:
    """(C,) counts, for C = `classes`."""
    return sample.measured.counts(sample.truth, classes)


def pooled(samples: Sequence[PixelSample], classes: Sequence[str]) -> CountedImages:
    """The counts of samples."""
    return CountedImages(stack([counts_of(one, len(classes)) for one in samples]), classes)


def right(sample: PixelSample, only_class: int | None) -> float | None:
    """Of the labelled pixels those of the right class."""
    del only_class
    labelled = sum(sample.truth.values())
    return sum(sample.measured.hit.values()) / labelled if labelled else None


def in_classes(truth: PixelTruth, channels: Sequence[int]) -> PixelTruth:
    """Pixels of the data set's classes by the model's `channels` of these."""
    found: PixelTruth = {}
    for label, pixels in truth.items():
        found[channels[label]] = found.get(channels[label], 0) + pixels
    return found


def standing_in(clean: PixelsMeasured) -> PixelTruth:
    """The labels of data without any: the clean prediction is right everywhere."""
    return clean.predicted


def narrowed(sample: PixelSample, chosen: frozenset[int]) -> PixelSample:
    """The counts of the `chosen` classes: pixels of others are none that are to be found, and wrong where predicted."""
    truth, hit, predicted = (
        {label: pixels for label, pixels in counts.items() if label in chosen}
        for counts in (sample.truth, sample.measured.hit, sample.measured.predicted)
    )
    return replace(sample, truth=truth, measured=replace(sample.measured, hit=hit, predicted=predicted))


def scored(once: Counts) -> dict[str, float | None]:
    """Every score of images with the counts (1, C) together, without intervals."""
    return {score.key: number(score.of(once)[0]) for score in SEGMENTATION.scores}


SEGMENTATION: Final = Measure[Counts](
    name="segmentation",
    headline="mIoU",
    own=(
        Score(
            "mIoU",
            "mIoU",
            "mIoU: intersections and unions are pooled over all images, then averaged over the classes in the truth.",
            mean_iou,
        ),
        Score(
            "pixel_accuracy",
            "pixel acc.",
            "Pixel accuracy: correct pixels over counted pixels, pooled over all images.",
            pixel_accuracy,
        ),
    ),
    pool=pooled,
    parts=Parts("class", "IoU", "per_class"),
    notes={
        "per_class": "IoU of a class: hit / (truth + predicted - hit), pooled; not defined where the truth never has "
        "it.",
        "void": "Pixels labelled 255 (void) count nowhere, neither as truth nor as prediction.",
        **INTERVALS,
    },
    below=("void", "ci95"),
    least_clean=LEAST_CLEAN,
    sums=PixelSums,
)

RECORD: Final = TaskScores((SEGMENTATION,), right, Form(PixelsMeasured, PixelTruth, in_classes, standing_in), narrowed)
