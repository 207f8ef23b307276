"""Average precision of a part of the objects, with the others ignored as COCO ignores what is outside an area range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foolscape.metrics.box_counts import READABLE, fates_of
from foolscape.metrics.boxes import Detected, Floats, Truth
from foolscape.metrics.matching import Matched, match_coco, match_voc
from foolscape.metrics.slices.objects import Cut, ImageObjects, Places, detected_places, truth_places
from foolscape.metrics.tasks.detection import Precisions, precisions


@dataclass(frozen=True)
class BoxedImage:
    """The objects and the detections of one image of `size` (H, W)."""

    truth: Truth
    detected: Detected
    size: tuple[int, int]


@dataclass(frozen=True)
class CutImages:
    """A `Pool` of the matches of N images by the rules of COCO and of VOC."""

    coco: Sequence[Matched]
    voc: Sequence[Matched]

    @property
    def images(self) -> int:
        """N."""
        return len(self.coco)

    def once(self) -> Precisions:
        """Every image once."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Precisions:
        """Each image as often as its weight says."""
        return precisions(self.coco, self.voc, weights)

    def parts(self, without: Precisions, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Nothing besides."""
        del without, only_class
        return {}, {}


def cut(images: Sequence[BoxedImage], part: Cut, classes: int) -> CutImages:
    """Matches that count the objects in `part` alone.

    An object outside of it is like a difficult one: a detection that matches it is neither right nor wrong. A detection
    that matches nothing counts as false only where it is in the part itself, by its own class, box and area (COCO's
    `evaluateImg`, with the part in place of the area range).
    """
    coco, voc = [], []
    for whole in images:
        # No detection of one class can match an object of another: so the others need not be looked at.
        image = whole if part.label is None else _of_class(whole, part.label)
        inside = part.of(truth_places(image.truth, image.size))
        truth = replace(image.truth, difficult=image.truth.difficult | ~inside)
        outside = ~part.of(detected_places(image.detected, image.size))
        coco.append(match_coco(truth, image.detected, classes, outside))
        voc.append(match_voc(truth, image.detected, classes, outside))
    return CutImages(coco, voc)


def _of_class(image: BoxedImage, label: int) -> BoxedImage:
    """The objects and detections of one class alone."""
    truth, detected = image.truth, image.detected
    mine, own = truth.labels == label, detected.labels == label
    return replace(
        image,
        truth=Truth(truth.boxes[mine], truth.labels[mine], truth.difficult[mine], truth.crowd[mine], truth.area[mine]),
        detected=Detected(detected.boxes[own], detected.scores[own], detected.labels[own]),
    )


def objects_of(truth: Truth, detections: dict[str, Detected], size: tuple[int, int]) -> ImageObjects:
    """The objects of an image that count, and which are found among the detections under each condition."""
    counted = ~(truth.difficult | truth.crowd)
    places = truth_places(truth, size)
    chosen = Places(places.labels[counted], places.areas[counted], places.centres[counted])
    right = {
        condition: fates_of(truth, detected, READABLE).kept[counted].astype(np.float64)
        for condition, detected in detections.items()
    }
    return ImageObjects(chosen, np.ones(len(chosen.labels)), right)
