"""Average precision of a part of the objects, with the others ignored as COCO ignores what is outside an area range."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foolscape.metrics.boxes import Bools
from foolscape.metrics.detection import check_labels
from foolscape.metrics.intervals import dealt
from foolscape.metrics.looked_up import DetectionSample, fates_in, near_in
from foolscape.metrics.matched_images import MatchedImages
from foolscape.metrics.matching import FALSE, LEFT_OUT, VOC, Matched, match_image
from foolscape.metrics.precision import hundred_one_points
from foolscape.metrics.slices.match_table import MatchTable
from foolscape.metrics.slices.objects import Cut, ImageObjects, Places, detected_places, truth_places
from foolscape.metrics.tasks.detection import Precisions, left_out_precisions, of_all


@dataclass(frozen=True)
class MatchedPart:
    """A `Summed` of the matches of some images.

    Attributes:
        matches: by the rules of both protocols.
        images: how many images.
        cut: whether they are those of a part of the objects.
    """

    matches: MatchedImages
    images: int
    cut: bool = False

    def once(self) -> Precisions:
        """Every image once."""
        if not self.cut:
            return of_all(self.matches)
        return Precisions(
            lambda threshold: 100.0 * self.matches.once(threshold, hundred_one_points),
            lambda summary: 100.0 * self.matches.once(VOC, summary),
        )

    def without(self) -> Precisions:
        """Without each group of images."""
        return left_out_precisions(self.matches)

    def parts(self, without: Precisions, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Nothing besides."""
        del without, only_class
        return {}, {}


class BoxParts:
    """Takes images one after the other, then sums up any of them, or parts of their objects.

    Of a part the matches count the objects in it alone. An object outside of it is like a difficult one: a detection
    that matches it is neither right nor wrong. A detection that matches nothing counts as false only where it is in the
    part itself, by its own class, box and area (COCO's `evaluateImg`, with the part in place of the area range).

    Args:
        classes: how many there are.
        cuts: the parts. Those by class need no matches of their own: no detection of one class can match an object of
            another.
    """

    def __init__(self, classes: int, cuts: Iterable[Cut]) -> None:
        self._classes, self._images = classes, 0
        self._whole = MatchTable(classes, VOC + 1)
        self._cuts = [(cut, MatchTable(classes, VOC + 1)) for cut in cuts if cut.label is None]

    def add(self, sample: DetectionSample, size: tuple[int, int]) -> None:
        """Match an image of `size` (H, W); raises `SampleError` for a label that is not the index of a class."""
        truth, detected = sample.truth, sample.measured
        for labels in (truth.labels, detected.labels):
            check_labels(labels, self._classes)
        self._whole.add(match_image(truth, detected, self._classes, near_in(sample)))
        objects, found = truth_places(truth, size), detected_places(detected, size)
        for cut, table in self._cuts:
            others = replace(truth, difficult=truth.difficult | ~cut.of(objects))
            matched = match_image(others, detected, self._classes, near_in(sample))
            table.add(_left_out(matched, ~cut.of(found)))
        self._images += 1

    def of(self, members: Bools, seed: int) -> MatchedPart:
        """Of the images `members` (N,)."""
        group = np.full(self._images, -1)
        group[members] = dealt(int(members.sum()), seed)
        return MatchedPart(self._whole.of(group), int(members.sum()))

    def of_objects(self, cut: Cut, seed: int) -> MatchedPart:
        """Of all images, the objects of a part alone."""
        group = dealt(self._images, seed)
        if cut.label is not None:
            return MatchedPart(self._whole.of(group, cut.label), self._images, cut=True)
        (table,) = (one for other, one in self._cuts if other is cut)
        return MatchedPart(table.of(group), self._images, cut=True)


def _left_out(matched: Matched, outside: Bools) -> Matched:
    """The matches without the detections (K,) that are `outside` and hit nothing."""
    return replace(matched, outcome=np.where((matched.outcome == FALSE) & outside, np.int8(LEFT_OUT), matched.outcome))


def objects_of(samples: Mapping[str, DetectionSample], size: tuple[int, int]) -> ImageObjects:
    """The objects of an image of `size` (H, W) that count, and which are found under each condition."""
    truth = next(iter(samples.values())).truth
    counted = ~(truth.difficult | truth.crowd)
    places = truth_places(truth, size)
    chosen = Places(places.labels[counted], places.areas[counted], places.centres[counted])
    right = {name: fates_in(sample).kept[counted].astype(np.float64) for name, sample in samples.items()}
    return ImageObjects(chosen, np.ones(len(chosen.labels)), right)
