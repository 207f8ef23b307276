"""What became of each object of an image: kept, mislabelled or vanished; and which detections are fabricated.

The reference is the truth or, without labels, the detections of the clean image. Every reference object ends in exactly
one of the three; detections that overlap one that already has its detection are duplicates and counted nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Bools, Detected, Floats, Ints, Truth, everywhere, tidy
from foolscape.metrics.matching import overlaps
from foolscape.metrics.near import LEAST_IOU, Near, Pairs, near

IOU: Final = LEAST_IOU
READABLE: Final = 0.3
"""Detections from this score on are drawn and counted, and stand for the truth where there is none."""

CONVENTIONS: Final[dict[str, str]] = {
    "boxes": "Boxes are counted among detections above a readable score, matched one to one at an IoU of 0.5, the "
    "highest score first; difficult objects and crowds are not counted, nor are detections on them.",
    "kept": "Kept: reference objects with a detection of their class.",
    "mislabelled": "Mislabelled: reference objects with a detection, but only of another class.",
    "vanished": "Vanished: reference objects without a detection.",
    "fabricated": "Fabricated: detections that overlap no reference object by an IoU of 0.5, by the class they claim.",
    "preserved": "Preserved: share of the reference objects of the classes that were not attacked which are kept.",
}

_FIELDS: Final = ("kept", "mislabelled", "vanished", "fabricated")


@dataclass(frozen=True)
class BoxCounts:
    """Objects and detections per class, of one image or of many.

    Attributes:
        kept: (C,) int64, reference objects of the class that are found as such.
        mislabelled: (C,) int64, reference objects of the class that are found as another.
        vanished: (C,) int64, reference objects of the class that are not found.
        fabricated: (C,) int64, detections as this class where no reference object is.
    """

    kept: Ints
    mislabelled: Ints
    vanished: Ints
    fabricated: Ints


@dataclass(frozen=True)
class Fates:
    """What became of the K reference objects of one image, one by one.

    Attributes:
        counted: (K,) bool, neither difficult nor a crowd; the others are False in all fields.
        kept: (K,) bool, found as what they are.
        mislabelled: (K,) bool, found as something else alone.
        invented: (F,) int64, classes of the detections that lie on no object.
    """

    counted: Bools
    kept: Bools
    mislabelled: Bools
    invented: Ints


def as_reference(detected: Detected, score_threshold: float) -> Truth:
    """The detections with a score of at least `score_threshold` as reference objects, for images without labels."""
    detected = _readable(detected, score_threshold)
    none = np.zeros(len(detected.labels), np.bool_)
    return Truth(
        detected.boxes, detected.labels, none, none, (detected.boxes[:, 2:] - detected.boxes[:, :2]).prod(axis=1)
    )


def count_boxes(reference: Truth, detected: Detected, classes: int, score_threshold: float) -> BoxCounts:
    """What became of the reference objects of one image.

    The highest score first, each detection takes the free object of its own class with the largest IoU of at least 0.5:
    kept. Then, likewise, each detection left takes a free object of another class: mislabelled. Objects left are
    vanished, also where their only overlap is with a detection that went to a neighbour.

    Args:
        reference: the objects; difficult ones and crowds absorb detections and are not counted.
        detected: the detections, in any order.
        classes: C, shared by both.
        score_threshold: detections with a lower score are not looked at.
    """
    return counted(fates_of(reference, detected, score_threshold), reference, classes)


def counted(fates: Fates, reference: Truth, classes: int) -> BoxCounts:
    """`count_boxes` from what became of each object of the `reference`."""

    def per_class(labels: Ints) -> Ints:
        return np.bincount(labels, minlength=classes).astype(np.int64)

    return BoxCounts(
        kept=per_class(reference.labels[fates.kept]),
        mislabelled=per_class(reference.labels[fates.mislabelled]),
        vanished=per_class(reference.labels[fates.counted & ~fates.kept & ~fates.mislabelled]),
        fabricated=per_class(fates.invented),
    )


def fates_of(reference: Truth, detected: Detected, score_threshold: float, pairs: Near | None = None) -> Fates:
    """What became of each of K reference objects, by the rule of `count_boxes`; `pairs` where they are known."""
    if not reference.crowd.any():
        return _fates_near(reference, pairs or near(reference, [detected])[0], score_threshold)
    detected = _readable(detected, score_threshold)
    overlap = overlaps(detected.boxes, reference)
    endless = everywhere(reference)
    fits = (overlap >= IOU) & ~endless
    own = detected.labels[:, None] == reference.labels[None, :]
    kept, used = _take(overlap, fits & own)
    other, _ = _take(overlap, fits & ~own & ~used[:, None] & ~kept)
    counted = ~(reference.difficult | reference.crowd)
    unknown = np.isin(detected.labels, reference.labels[endless])
    return Fates(counted, counted & kept, counted & other, detected.labels[~fits.any(axis=1) & ~unknown])


def _fates_near(reference: Truth, pairs: Near, score_threshold: float) -> Fates:
    """`fates_of` without crowds."""
    readable = pairs.detected.scores >= score_threshold
    own, other = ([one for one in chosen if readable[one[0]]] for chosen in (pairs.own, pairs.other))
    kept, used = _taken(own, set())
    mistaken, _ = _taken([one for one in other if one[0] not in used], kept)
    counted = ~reference.difficult
    mine, its = np.zeros(len(counted), np.bool_), np.zeros(len(counted), np.bool_)
    mine[list(kept)], its[list(mistaken)] = True, True
    readable[[detection for chosen in (pairs.own, pairs.other) for detection, _ in chosen]] = False
    invented = pairs.detected.labels[pairs.order[readable[pairs.order]]]
    return Fates(counted, counted & mine, counted & its, invented)


def _taken(pairs: Pairs, not_these: Set[int]) -> tuple[set[int], set[int]]:
    """As `_take`: which objects are taken, and which detections took one."""
    taken: set[int] = set()
    used: set[int] = set()
    for detection, objects in pairs:
        free = [one for one in objects if one[0] not in taken and one[0] not in not_these]
        if free:
            taken.add(max(free, key=lambda one: one[1])[0])
            used.add(detection)
    return taken, used


def confidence_kept(reference: Truth, detected: Detected, only_class: int | None) -> float:
    """What an image still adds to average precision: the sum over its objects of score times precision.

    An object counts with the score of the detection that finds it, and less the more false ones of its class have a
    larger score: precision is the share of hits among the detections of that class down to that score.

    Args:
        reference: the objects; difficult ones and crowds absorb detections and do not count.
        detected: the detections, in any order and of any score.
        only_class: the one class that counts; None: all.
    """
    detected = _readable(detected, 0.0)
    overlap = overlaps(detected.boxes, reference)
    fits = (overlap >= IOU) & (detected.labels[:, None] == reference.labels[None, :])
    counted = ~(reference.difficult | reference.crowd)
    _, hit = _take(overlap, fits & counted)
    false = ~hit & ~(fits & ~counted).any(axis=1)
    total = 0.0
    for label in set(detected.labels.tolist()) if only_class is None else (only_class,):
        own = detected.labels == label
        hits, misses = hit[own].cumsum(), false[own].cumsum()
        total += float((detected.scores[own] * hits / np.maximum(hits + misses, 1))[hit[own]].sum())
    return total


def total(images: Sequence[BoxCounts]) -> BoxCounts:
    """The counts of many images added up; at least one image."""
    return BoxCounts(*(np.sum([getattr(image, field) for image in images], axis=0) for field in _FIELDS))


def preserved(counts: BoxCounts, attacked: Collection[int]) -> float:
    """Percentage 0-100 of the reference objects of the classes not in `attacked` that are kept; NaN without any."""
    others = np.array([label not in attacked for label in range(len(counts.kept))], np.bool_)
    objects = (counts.kept + counts.mislabelled + counts.vanished)[others].sum()
    return float(100.0 * counts.kept[others].sum() / objects) if objects else float("nan")


def _readable(detected: Detected, score_threshold: float) -> Detected:
    """The detections above the threshold, usable and the highest score first."""
    seen = ~(detected.scores < score_threshold)  # what is no number, too
    detected = tidy(Detected(detected.boxes[seen], detected.scores[seen], detected.labels[seen]))
    order = np.argsort(-detected.scores, kind="stable")
    order = order[detected.scores[order] >= score_threshold]
    return Detected(detected.boxes[order], detected.scores[order], detected.labels[order])


def _take(overlap: Floats, allowed: Bools) -> tuple[Bools, Bools]:
    """Greedy one-to-one matching of (K, L): which of L objects are taken, and which of K detections took one."""
    taken = np.zeros(overlap.shape[1], np.bool_)
    used = np.zeros(overlap.shape[0], np.bool_)
    for d in np.flatnonzero(allowed.any(axis=1)):
        free = allowed[d] & ~taken
        if free.any():
            taken[np.where(free, overlap[d], -1.0).argmax()] = True
            used[d] = True
    return taken, used
