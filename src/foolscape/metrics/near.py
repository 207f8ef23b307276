"""Which detections of an image lie on which of its objects: of few such pairs all rules are made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Bools, Detected, Ints, Truth, pairwise_iou

LEAST_IOU: Final = 0.5
"""Every rule takes a detection with less for one of no object."""

Objects = Sequence[tuple[int, float]]
"""Objects that a detection lies on, each with its IoU, in their own order."""


@dataclass(frozen=True)
class Near:
    """The detections of an image beside its objects, none of which is a crowd.

    Attributes:
        detected: (K,) tidied, in their own order.
        order: (K,) by falling score.
        pairs: which of them lie on something, by falling score, and on what.
    """

    detected: Detected
    order: Ints
    pairs: Sequence[tuple[int, Objects]]

    def of_own_class(self, truth: Truth) -> Sequence[tuple[int, Objects]]:
        """`pairs` with objects of the detection's class alone; `truth` is the image's."""
        return [*self._chosen(truth, own=True)]

    def of_other_classes(self, truth: Truth) -> Sequence[tuple[int, Objects]]:
        """`pairs` with objects of other classes."""
        return [*self._chosen(truth, own=False)]

    def _chosen(self, truth: Truth, own: bool) -> Iterator[tuple[int, Objects]]:
        labels, claimed = truth.labels.tolist(), self.detected.labels
        for detection, objects in self.pairs:
            label = int(claimed[detection])
            if chosen := [one for one in objects if (labels[one[0]] == label) is own]:
                yield detection, chosen


def near(truth: Truth, detected: Detected) -> Near:
    """The pairs of an image without crowds; `detected` as `matching.tidy` gives it."""
    scores = detected.scores
    sorted_: Bools = scores[1:] <= scores[:-1]
    order = np.arange(len(scores)) if sorted_.all() else np.argsort(-scores, kind="stable")
    iou = pairwise_iou(detected.boxes, truth.boxes)
    at, objects = np.nonzero(iou >= LEAST_IOU)
    found: dict[int, list[tuple[int, float]]] = {}
    for detection, place, value in zip(at.tolist(), objects.tolist(), iou[at, objects].tolist(), strict=True):
        found.setdefault(detection, []).append((place, value))
    by_score = found if sorted_.all() else [one for one in order.tolist() if one in found]
    return Near(detected, order, [(one, found[one]) for one in by_score])
