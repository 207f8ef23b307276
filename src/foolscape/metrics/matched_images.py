"""The matches of many images in little memory, and average precision from them without each group of images in turn.

Of a detection its score, class and the group of its image are kept, and what became of it where that is not a false
positive at every threshold. That is all that average precision needs: the boxes go. A group is left out by taking its
own counts from those of all. Counts are whole numbers: the figures are those of `precision` to the last bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Bools, Floats, Ints
from foolscape.metrics.left_out_curves import Entries, Rows
from foolscape.metrics.matching import FALSE, HIT, Matched, Outcomes
from foolscape.metrics.precision import COCO_LEVELS, VOC07_LEVELS, Summary, eleven_points, hundred_one_points

_TOGETHER: Final = 256
"""Images that are entered at once."""


class MatchSums:
    """The matches of images that are added one by one.

    Args:
        classes: C.
        thresholds: T.
        groups: G, into which images are dealt.
    """

    def __init__(self, classes: int, thresholds: int, groups: int) -> None:
        self._classes, self._thresholds = classes, thresholds
        self._scores, self._labels, self._groups = array("d"), array("H"), array("H")
        self._told, self._outcomes = array("q"), array("b")
        self._waiting: list[tuple[Matched, int]] = []
        self.truths = np.zeros((groups, classes), np.int64)

    def add(self, image: Matched, group: int) -> None:
        """Take the matches of an image of the `group`."""
        self._waiting.append((image, group))
        self.truths[group] += image.truths
        if len(self._waiting) == _TOGETHER:
            self._enter()

    def _enter(self) -> None:
        """Enter the images that wait: several at once, for numpy takes as long for one."""
        images, sizes = [image for image, _ in self._waiting], [len(image.labels) for image, _ in self._waiting]
        outcome = np.concatenate([image.outcome for image in images], axis=1)
        told = np.flatnonzero((outcome != FALSE).any(axis=0))
        self._told.frombytes((told + len(self._scores)).astype(np.int64).tobytes())
        self._outcomes.frombytes(np.ascontiguousarray(outcome[:, told].T, np.int8).tobytes())
        self._scores.frombytes(np.concatenate([image.scores for image in images]).astype(np.float64).tobytes())
        self._labels.frombytes(np.concatenate([image.labels for image in images]).astype(np.uint16).tobytes())
        self._groups.frombytes(np.repeat(np.array([group for _, group in self._waiting], np.uint16), sizes).tobytes())
        self._waiting = []

    def matched(self) -> MatchedImages:
        """What was added, the detections of each class by falling score, equal ones in the order of the images."""
        if self._waiting:
            self._enter()
        scores, labels = np.frombuffer(self._scores), np.frombuffer(self._labels, np.uint16)
        groups, told = np.frombuffer(self._groups, np.uint16), np.frombuffer(self._told, np.int64)
        outcomes = np.frombuffer(self._outcomes, np.int8).reshape(-1, self._thresholds)
        place = np.full(len(scores), -1, np.int64)  # among those of which more is told than that they are false
        place[told] = np.arange(len(told))
        by_class = []
        for label in range(self._classes):
            mine = np.flatnonzero(labels == label)
            mine = mine[falling(scores[mine])]
            known = np.flatnonzero(place[mine] >= 0)
            outcome = np.full((self._thresholds, len(mine)), FALSE, np.int8)
            outcome[:, known] = outcomes[place[mine[known]]].T
            by_class.append(ClassMatches(groups[mine].astype(np.int64), outcome))
        return MatchedImages(tuple(by_class), self.truths)


def falling(scores: Floats) -> Ints:
    """(K,): the order of K finite scores from the largest on, equal ones as they come."""
    short = scores.astype(np.float32)
    if (short != scores).any() or (short < 0).any() or len(short) >= 1 << 32:
        return np.argsort(-scores, kind="stable")
    # The bits of float32 from 0 on rise as the numbers do. With its place behind it each is another whole number, and
    # these are sorted in a third of the time.
    bits = (short + np.float32(0)).view(np.uint32)  # + 0: of -0, too
    keys = np.sort(((~bits).astype(np.uint64) << np.uint64(32)) | np.arange(len(bits), dtype=np.uint64))
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


@dataclass(frozen=True)
class ClassMatches:
    """The K detections of one class by falling score: the group of each (K,), and what became of it (T, K)."""

    groups: Ints
    outcome: Outcomes


@dataclass(frozen=True)
class MatchedImages:
    """The matches of images by class, and how many objects of each class count in each group (G, C)."""

    classes: tuple[ClassMatches, ...]
    truths: Ints

    def once(self, threshold: int, summary: Summary) -> Floats:
        """(1, C) in [0, 1]: the average precision of all images; NaN where they hold no object of the class."""
        found = np.full((1, len(self.classes)), np.nan)
        for label, one in self._known():
            curve = _curve(one.outcome[threshold])
            recall = curve.hits / self.truths[:, label].sum()
            found[0, label] = summary(_envelope(curve.hits / curve.both)[:, None], recall[:, None])[0]
        return found

    def points(self, threshold: int) -> Floats:
        """(101, C): the interpolated precision of all images at COCO's levels of recall; NaN as of `once`."""
        found = np.full((len(COCO_LEVELS), len(self.classes)), np.nan)
        for label, one in self._known():
            curve = _curve(one.outcome[threshold])
            recall = curve.hits / self.truths[:, label].sum()
            reached = np.searchsorted(recall, COCO_LEVELS)
            envelope = np.append(_envelope(curve.hits / curve.both), 0.0)
            found[:, label] = envelope[reached]
        return found

    def without(self, threshold: int, summary: Summary) -> Floats:
        """(G, C): as `once` without each group in turn."""
        found = np.full(self.truths.shape, np.nan)
        for label, one in self._known():
            objects = self.truths[:, label]
            least = self._least(label, summary) if summary in _LEVELS else None
            found[:, label] = _left_out(one, threshold, objects.sum() - objects, least)
        return found

    def _least(self, label: int, summary: Summary) -> Ints:
        """(L, G) of `_least`; it is the same at every threshold."""
        if (label, summary) not in self._leasts:
            objects = self.truths[:, label]
            left = np.maximum(objects.sum() - objects, 1)
            self._leasts[label, summary] = _least(_LEVELS[summary][:, None], left)
        return self._leasts[label, summary]

    @cached_property
    def _leasts(self) -> dict[tuple[int, Summary], Ints]:
        return {}

    def _known(self) -> Iterator[tuple[int, ClassMatches]]:
        return ((label, one) for label, one in enumerate(self.classes) if self.truths[:, label].any())


def matched_images(images: Sequence[Matched]) -> MatchedImages:
    """The matches of N >= 1 images, all in one group."""
    first = images[0]
    sums = MatchSums(len(first.truths), len(first.outcome), 1)
    for image in images:
        sums.add(image, 0)
    return sums.matched()


@dataclass(frozen=True)
class _Curve:
    """The P hits of a class at a threshold.

    Attributes:
        at: (P,) where they stand among the detections.
        wrong: where false positives stand.
        hits: (P,) hits up to each.
        both: (P,) hits and false positives up to each.
    """

    at: Ints
    wrong: Ints
    hits: Floats
    both: Floats


def _curve(outcome: Outcomes) -> _Curve:
    at, wrong = np.flatnonzero(outcome == HIT), np.flatnonzero(outcome == FALSE)
    hits = np.arange(1.0, len(at) + 1)
    return _Curve(at, wrong, hits, hits + np.searchsorted(wrong, at))


def _envelope(precision: Floats) -> Floats:
    """Interpolated precision: the best that is reached at this recall or a larger one."""
    return np.maximum.accumulate(precision[::-1], axis=0)[::-1]


def _left_out(one: ClassMatches, threshold: int, objects: Ints, least: Ints | None) -> Floats:
    """(G,): the average precision of a class without each group; NaN where that leaves no object.

    Args:
        one: the class.
        threshold: of IoU.
        objects: (G,) that are left.
        least: (L, G) of `_least`, for a mean over levels of recall; None for the area under the curve.
    """
    curve = _curve(one.outcome[threshold])
    if not len(curve.at):
        return np.where(objects > 0, 0.0, np.nan)
    before = np.searchsorted(curve.at, curve.wrong)  # the hit that a false positive comes before; later ones are moot
    before = before[before < len(curve.at)]
    own_hits, own_wrong = one.groups[curve.at], one.groups[curve.wrong[: len(before)]]
    # Precision rises from hit to hit where no false positive lies between, whoever is left out: its best is at the last
    # hit of such a series. The area is a sum over all hits.
    every = np.arange(len(curve.at))
    ends = every if least is None else np.flatnonzero(np.append(np.diff(curve.both - curve.hits) > 0, True))
    series = np.searchsorted(ends, every)
    rows = Rows(curve.hits[ends], curve.both[ends], Entries(series, own_hits), Entries(series[before], own_wrong))
    means = rows.areas(np.maximum(objects, 1)) if least is None else _at_levels(rows, series, *_places(least, own_hits))
    return np.where(objects > 0, means, np.nan)


def _places(least: Ints, own: Ints) -> tuple[Ints, Bools]:
    """(L, G): the hit at which each group's others first reach a level, 0 where they never do; and whether they do.

    Args:
        least: (L, G) hits that a level takes, rising.
        own: (P,) the group of each hit.
    """
    number, (levels, groups) = len(own), least.shape
    counts = np.bincount(own, minlength=groups)
    order = np.argsort(own, kind="stable")
    mine = own[order]
    others = order - (np.arange(number) - (np.cumsum(counts) - counts)[mine])  # hits of other groups before each
    # A level's hit has `least` - 1 others before it, and behind these so many of the group's own as have fewer before
    # them. From which level on each of these is among them is looked up in all groups at once.
    apart = max(number, int(least.max())) + 1
    keys = (least + np.arange(groups) * apart).T.ravel()
    level = np.searchsorted(keys, others + mine * apart, side="right") - mine * levels
    passed = np.zeros((levels + 1, groups), np.int64)
    np.add.at(passed, (level, mine), 1)
    reached = least <= number - counts
    return np.where(reached & (least > 0), least - 1 + passed[:-1].cumsum(axis=0), 0), reached


def _at_levels(rows: Rows, series: Ints, place: Ints, reached: Bools) -> Floats:
    """(G,): the mean of the envelope at the hits that first reach each of L levels of recall, 0 where none does.

    Args:
        rows: of the curve.
        series: (P,) the row of each hit.
        place: (L, G) the hit of each level.
        reached: (L, G) whether there is one.
    """
    last = np.ones(reached.shape, np.bool_)
    last[:-1] = (place[1:] != place[:-1]) | ~reached[1:]
    first = np.ones(reached.shape, np.bool_)
    first[1:] = place[1:] != place[:-1]
    level = np.arange(len(place))[:, None]
    times = level + 1 - np.maximum.accumulate(np.where(first, level, 0), axis=0)
    taken = last & reached
    groups = np.nonzero(taken)[1]
    means = np.zeros(place.shape)
    means[taken] = rows.at(series[place[taken]], groups, place.shape[1]) * times[taken]
    total = np.zeros(place.shape[1])
    for row in means:
        total += row
    return total / len(place)


def _least(levels: Floats, objects: Ints) -> Ints:
    """(L, W): the fewest hits whose share of the objects is a level, as a division in float64 has it."""
    guess = np.maximum(np.ceil(levels * objects) - 1, 0)
    for _ in range(2):
        guess = np.where(guess / objects >= levels, guess, guess + 1)
    return np.asarray(guess, np.int64)


_LEVELS: Final[dict[Summary, Floats]] = {eleven_points: VOC07_LEVELS, hundred_one_points: COCO_LEVELS}
