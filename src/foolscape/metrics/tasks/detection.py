"""How detection is scored: from objects and detections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

import numpy as np

from foolscape.metrics.box_counts import CONVENTIONS as BOX_CONVENTIONS
from foolscape.metrics.box_counts import (
    READABLE,
    BoxCounts,
    as_reference,
    counted,
    preserved,
)
from foolscape.metrics.boxes import Detected, Floats, Ints, Truth
from foolscape.metrics.detection import check_labels
from foolscape.metrics.intervals import LEAST, SHOWN, around, convention
from foolscape.metrics.looked_up import DetectionSample, fates_in, look_up, near_in
from foolscape.metrics.matched_images import MatchedImages, MatchSums, matched_images
from foolscape.metrics.matching import VOC, Matched, match_image
from foolscape.metrics.precision import Summary, area_under, average_precision, eleven_points, hundred_one_points
from foolscape.metrics.sample import Form
from foolscape.metrics.score import Measure, Parts, Score, TaskScores, number, numbers

_AP50, _AP75 = 0, 5
"""Where 0.50 and 0.75 stand among COCO's IoU thresholds."""


@dataclass(frozen=True)
class Precisions:
    """Average precisions in percent, each counted when it is asked for.

    Attributes:
        coco: index of an IoU threshold of COCO's -> (R, C).
        voc: `precision.eleven_points` or `precision.area_under` -> (R, C) by the VOC protocol.
    """

    coco: Callable[[int], Floats]
    voc: Callable[[Summary], Floats]


def precisions(coco: Sequence[Matched], voc: Sequence[Matched], weights: Floats) -> Precisions:
    """From the matches of N images by the rule of each protocol, under `weights` (R, N)."""

    @cache
    def of_coco(threshold: int) -> Floats:
        one = slice(threshold, threshold + 1)
        matches = [replace(match, outcome=match.outcome[one]) for match in coco]
        return 100.0 * average_precision(matches, weights, hundred_one_points)[:, 0]

    @cache
    def of_voc(summary: Summary) -> Floats:
        return 100.0 * average_precision(voc, weights, summary)[:, 0]

    return Precisions(of_coco, of_voc)


def of_all(images: MatchedImages) -> Precisions:
    """Of all images once. The levels of recall are added up as faster-coco-eval's array of all thresholds is."""
    points = np.stack([images.points(threshold) for threshold in range(VOC)]).mean(axis=1)
    return Precisions(
        lambda threshold: 100.0 * points[threshold : threshold + 1],
        cache(lambda summary: 100.0 * images.once(VOC, summary)),
    )


def left_out_precisions(images: MatchedImages) -> Precisions:
    """Without each group of images."""
    return Precisions(
        cache(lambda threshold: 100.0 * images.without(threshold, hundred_one_points)),
        cache(lambda summary: 100.0 * images.without(VOC, summary)),
    )


@dataclass(frozen=True)
class SummedDetections:
    """A `Summed` of matches and box counts.

    Attributes:
        matches: by the rules of both protocols.
        counts: of the boxes of all images.
        shown: (C,) how many images have objects of each class that count.
        images: N.
        classes: C names.
    """

    matches: MatchedImages
    counts: BoxCounts
    shown: Ints
    images: int
    classes: Sequence[str]

    def once(self) -> Precisions:
        """COCO's to the bit as faster-coco-eval has them."""
        return self._once

    @cached_property
    def _once(self) -> Precisions:
        return of_all(self.matches)

    def without(self) -> Precisions:
        """Without each group of images."""
        return left_out_precisions(self.matches)

    def parts(self, without: Precisions, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """AP50 of every class, boxes per image; with `only_class` those of that class, and how many others are kept."""
        point = self.once().coco(_AP50)[0]
        ends = np.stack(around(point, without.coco(_AP50), self.shown, SHOWN)).T
        by_class = dict(zip(self.classes, numbers(point), strict=True))
        parts: dict[str, Any] = {"per_class": by_class, "boxes": _per_image(self.counts, slice(None), self.images)}
        if only_class is not None:
            parts["victim_boxes"] = _per_image(self.counts, slice(only_class, only_class + 1), self.images)
            parts["preserved"] = number(np.float64(preserved(self.counts, [only_class])))
        return parts, {"per_class": dict(zip(self.classes, map(numbers, ends), strict=True))}


class DetectionSums:
    """The `Sums` of objects and detections: of C `classes`, in the `group` of each image (N,).

    Detections with a box that is not finite count as false positives.
    """

    def __init__(self, classes: Sequence[str], group: Ints) -> None:
        self._classes, self._group, self._images = classes, group, 0
        number, groups = len(classes), int(group.max()) + 1
        self._matches = MatchSums(number, VOC + 1, groups)
        self._counts = BoxCounts(*(np.zeros(number, np.int64) for _ in range(4)))
        self._shown = np.zeros(number, np.int64)

    def add(self, sample: DetectionSample) -> None:
        """Match an image; raises `SampleError` for a label that is not the index of a class."""
        classes = len(self._classes)
        for labels in (sample.truth.labels, sample.measured.labels):
            check_labels(labels, classes)
        matched = match_image(sample.truth, sample.measured, classes, near_in(sample))
        self._matches.add(matched, int(self._group[self._images]))
        counts = counted(fates_in(sample), sample.truth, classes)
        for whole, own in zip(vars(self._counts).values(), vars(counts).values(), strict=True):
            whole += own
        self._shown += matched.truths > 0
        self._images += 1

    def summed(self) -> SummedDetections:
        """What was added."""
        return SummedDetections(self._matches.matched(), self._counts, self._shown, self._images, self._classes)


@dataclass(frozen=True)
class DetectedImages:
    """A `Pool` of the matches of N images, for weightings of any kind.

    Attributes:
        matches: by the rules of both protocols.
    """

    matches: Sequence[Matched]

    @property
    def images(self) -> int:
        """N."""
        return len(self.matches)

    def once(self) -> Precisions:
        """Every image once."""
        return of_all(matched_images(self.matches))

    def under(self, weights: Floats) -> Precisions:
        """From the matches of each image, weighted."""
        return precisions(self.matches, [replace(one, outcome=one.outcome[VOC:]) for one in self.matches], weights)

    def parts(self, without: Precisions, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Nothing besides."""
        del without, only_class
        return {}, {}


def pooled(samples: Sequence[DetectionSample], classes: Sequence[str]) -> DetectedImages:
    """The matches of samples; raises `SampleError` for a label that is not the index of a class."""
    for sample in samples:
        for labels in (sample.truth.labels, sample.measured.labels):
            check_labels(labels, len(classes))
    return DetectedImages([match_image(one.truth, one.measured, len(classes)) for one in samples])


def right(sample: DetectionSample, only_class: int | None) -> float | None:
    """Of the objects that count those found as what they are, at a score of `READABLE`."""
    fates = fates_in(sample)
    chosen = fates.counted if only_class is None else fates.counted & (sample.truth.labels == only_class)
    return float(fates.kept[chosen].mean()) if chosen.any() else None


def in_classes(truth: Truth, channels: Sequence[int]) -> Truth:
    """Objects of the data set's classes with the model's `channels` of these as labels."""
    return replace(truth, labels=np.array(channels, dtype=np.int64)[truth.labels])


def standing_in(clean: Detected) -> Truth:
    """Objects for data without labels: the clean detections with a score of at least `READABLE`."""
    return as_reference(clean, READABLE)


def narrowed(sample: DetectionSample, chosen: frozenset[int]) -> DetectionSample:
    """The objects and detections of the `chosen` classes."""
    wanted = sorted(chosen)
    truth = {name: values[np.isin(sample.truth.labels, wanted)] for name, values in vars(sample.truth).items()}
    kept = np.isin(sample.measured.labels, wanted)
    detected = {name: values[kept] for name, values in vars(sample.measured).items()}
    return replace(sample, truth=Truth(**truth), measured=Detected(**detected))


def _per_image(counts: BoxCounts, chosen: slice, images: int) -> dict[str, float]:
    """Boxes per image."""
    names = ("kept", "mislabelled", "vanished", "fabricated")
    return {name: float(getattr(counts, name)[chosen].sum()) / images for name in names}


def _over_thresholds(precisions: Precisions) -> Floats:
    return _mean(np.stack([precisions.coco(threshold) for threshold in range(VOC)], axis=1).mean(axis=1))


def _mean(per_class: Floats) -> Floats:
    """(R, C) -> (R,): the mean over the classes that are defined, NaN without any."""
    known = np.isfinite(per_class)
    defined = known.sum(axis=1)
    mean: Floats = np.divide(
        np.where(known, per_class, 0.0).sum(axis=1), defined, out=np.full(len(defined), np.nan), where=defined > 0
    )
    return mean


DETECTION: Final = Measure[Precisions](
    name="detection",
    headline="AP50",
    own=(
        Score(
            "AP",
            "AP",
            "AP: COCO's average precision, 101 recall points, mean over IoU 0.50, 0.55 .. 0.95 and over the classes in "
            "the truth; 100 detections per class and image; crowds and difficult objects are left out.",
            _over_thresholds,
        ),
        Score(
            "AP50", "AP50", "AP50: as AP, at an IoU of 0.50 alone.", lambda precisions: _mean(precisions.coco(_AP50))
        ),
        Score(
            "AP75", "AP75", "AP75: as AP, at an IoU of 0.75 alone.", lambda precisions: _mean(precisions.coco(_AP75))
        ),
        Score(
            "mAP_voc07",
            "mAP VOC07",
            "mAP VOC07: 11-point average precision at an IoU of 0.5, mean over the classes in the truth; difficult "
            "objects and crowds are left out; boxes are x2 - x1 wide, without the devkit's + 1.",
            lambda precisions: _mean(precisions.voc(eleven_points)),
        ),
        Score(
            "mAP_voc",
            "mAP VOC",
            "mAP VOC: as mAP VOC07, but the area under the whole curve, as VOC has it since 2010.",
            lambda precisions: _mean(precisions.voc(area_under)),
        ),
    ),
    pool=pooled,
    parts=Parts("class", "AP50", "per_class"),
    notes={
        "AP_scores": "Average precisions are measured on all detections down to a score near 0; pictures and box "
        "counts show those above a readable score.",
        "per_class": "AP50 of a class; not defined where the truth never has it.",
        "ci95": convention(f"below {LEAST} images, and for a class that fewer than {SHOWN} of them show"),
        "readable": f"Boxes are counted and drawn from a score of {READABLE} on.",
        **BOX_CONVENTIONS,
    },
    below=("AP_scores", "ci95"),
    of_only_class=("preserved",),
    sums=DetectionSums,
    look_up=look_up,
)

RECORD: Final = TaskScores((DETECTION,), right, Form(Detected, Truth, in_classes, standing_in), narrowed)
