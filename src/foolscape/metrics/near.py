"""Which detections of an image lie on which of its objects: of few such pairs all rules are made."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Detected, Ints, Truth, pairwise_iou, tidy

LEAST_IOU: Final = 0.5
"""Every rule takes a detection with less for one of no object."""

Objects = Sequence[tuple[int, float]]
"""Objects that a detection lies on, each with its IoU, in their own order."""

Pairs = Sequence[tuple[int, Objects]]
"""Detections by falling score, and what each lies on."""


@dataclass(frozen=True)
class Near:
    """The detections of an image beside its objects, none of which is a crowd.

    Attributes:
        detected: (K,) tidied, in their own order.
        order: (K,) by falling score.
        own: which of them lie on objects of their class, and on which.
        other: on objects of other classes.
    """

    detected: Detected
    order: Ints
    own: Pairs
    other: Pairs


def near(truth: Truth, several: Sequence[Detected]) -> list[Near]:
    """Of each of several predictions for one image, without crowds; numpy is asked once for all of them."""
    whole = _joined(several)
    if (tidied := tidy(whole)) is not whole:
        several, whole = [tidy(one) for one in several], tidied
    iou = pairwise_iou(whole.boxes, truth.boxes)
    at, objects = np.nonzero(iou >= LEAST_IOU)
    values, same = iou[at, objects].tolist(), (whole.labels[at] == truth.labels[objects]).tolist()
    ends = np.cumsum([len(one.scores) for one in several])
    mixed = _mixed(whole, ends.tolist())
    bounds, detections, places = [0, *np.searchsorted(at, ends).tolist()], at.tolist(), objects.tolist()
    found = []
    for number, (one, (begin, end)) in enumerate(zip(several, pairwise(bounds), strict=True)):
        first = int(ends[number]) - len(one.scores)
        own: dict[int, list[tuple[int, float]]] = {}
        other: dict[int, list[tuple[int, float]]] = {}
        for pair in range(begin, end):
            of_one = (own if same[pair] else other).setdefault(detections[pair] - first, [])
            of_one.append((places[pair], values[pair]))
        order = np.argsort(-one.scores, kind="stable") if number in mixed else np.arange(len(one.scores))
        rows = order.tolist() if number in mixed else None
        found.append(Near(one, order, *(_by_score(pairs, rows) for pairs in (own, other))))
    return found


def _joined(several: Sequence[Detected]) -> Detected:
    if len(several) == 1:
        return several[0]
    return Detected(
        *(np.concatenate([getattr(one, name) for one in several]) for name in ("boxes", "scores", "labels"))
    )


def _mixed(whole: Detected, ends: Sequence[int]) -> set[int]:
    """Which of the predictions that are joined do not come by falling score."""
    rising = np.flatnonzero(whole.scores[1:] > whole.scores[:-1]).tolist()
    return {bisect_right(ends, one) for one in rising if one + 1 not in ends}


def _by_score(pairs: dict[int, list[tuple[int, float]]], order: Sequence[int] | None) -> Pairs:
    """By falling score; `order` is None where they are so already."""
    return [*pairs.items()] if order is None else [(one, pairs[one]) for one in order if one in pairs]
