"""Which detections of an image hit an object, by the rules of PASCAL VOC and of COCO.

Neither rule looks across images or across classes, so an image is matched once and the score is computed from the
matches of all images, as often as an interval asks for it. Coordinates are continuous: a box is x2 - x1 wide, without
the + 1 of the VOC devkit, which counts pixels.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Bools, Detected, Floats, Ints, Truth, everywhere, pairwise_iou, tidy
from foolscape.metrics.near import Near, Pairs, near

FALSE, HIT, LEFT_OUT = 0, 1, 2
"""What a detection is: a false positive, a hit, or neither because it lies on an object that does not count."""

VOC_IOU: Final = 0.5
COCO_IOUS: Final = np.linspace(0.5, 0.95, 10)
_LEVELS: Final[list[float]] = COCO_IOUS.tolist()
VOC: Final = len(COCO_IOUS)
"""Where VOC's threshold stands behind COCO's, of an image that is matched by both rules."""
COCO_DETECTIONS: Final = 100
"""Of a class in an image COCO looks at this many detections, those with the highest scores."""
Outcomes = NDArray[np.int8]
_Rule = Callable[[Floats, Truth], Outcomes]


@dataclass(frozen=True)
class Matched:
    """The detections of one image with what became of them at T thresholds of IoU.

    Attributes:
        scores: (K,) float64, falling within a class.
        labels: (K,) int64.
        outcome: (T, K) int8: FALSE, HIT or LEFT_OUT.
        truths: (C,) int64, how many objects of each class count.
    """

    scores: Floats
    labels: Ints
    outcome: Outcomes
    truths: Ints


def overlaps(boxes: Floats, truth: Truth) -> Floats:
    """(K, L): the IoU of boxes with objects; with a crowd, the part of the box that lies in it, as COCO has it."""
    iou = pairwise_iou(boxes, truth.boxes)
    if truth.crowd.any():
        regions = truth.boxes[truth.crowd]
        low = np.maximum(boxes[:, None, :2], regions[None, :, :2])
        high = np.minimum(boxes[:, None, 2:], regions[None, :, 2:])
        inside = (high - low).clip(min=0).prod(axis=2)
        area = np.broadcast_to((boxes[:, 2:] - boxes[:, :2]).prod(axis=1)[:, None], inside.shape)
        iou[:, truth.crowd] = np.divide(inside, area, out=np.zeros_like(inside), where=area > 0)
    return iou


def match_voc(truth: Truth, detected: Detected, classes: int, outside: Bools | None = None) -> Matched:
    """The matches of one image by the rule of the VOC devkit (VOCevaldet), T = 1.

    In order of score, a detection looks at the object of its class with the largest IoU. Below 0.5 it is false. Is the
    object difficult, or a crowd, it is left out, every time. Is the object free, it is a hit; is it taken, it is false,
    even if it overlaps another free object by 0.5.

    Args:
        truth: the objects of the image.
        detected: its detections, in any order.
        classes: C.
        outside: (K,), which detections are left out where they hit nothing, as those outside an area range.
    """
    return _match(truth, detected, classes, outside, _voc, thresholds=1, most=None)


def match_coco(truth: Truth, detected: Detected, classes: int, outside: Bools | None = None) -> Matched:
    """The matches of one image by the rule of COCO's evaluation (pycocotools, `evaluateImg`), T = 10, area "all".

    In order of score, a detection takes the free object of its class with the largest IoU, the last one among equals;
    if there is none, an object that does not count: a crowd as often as needed, measured by the part of the box inside
    it, a difficult one once, measured by IoU.

    Args:
        truth: the objects of the image.
        detected: its detections, in any order; of each class the COCO_DETECTIONS highest scores are kept.
        classes: C.
        outside: (K,), which detections are left out where they hit nothing, as those outside an area range.
    """
    return _match(truth, detected, classes, outside, _coco, thresholds=len(COCO_IOUS), most=COCO_DETECTIONS)


def match_image(truth: Truth, detected: Detected, classes: int, pairs: Near | None = None) -> Matched:
    """`match_coco` and, behind it as the last of T = 11, `match_voc` of one image; detections in their own order.

    Those that COCO does not look at are left out at its thresholds. `pairs` where they are known.
    """
    if truth.crowd.any():
        return _match_beside_crowds(truth, tidy(detected), classes)
    pairs = pairs or near(truth, [detected])[0]
    detected, own = pairs.detected, pairs.own
    beyond, difficult = _beyond(detected.labels, pairs.order, classes), truth.difficult.tolist()
    outcome = np.full((VOC + 1, len(detected.scores)), FALSE, np.int8)
    _take_voc(outcome[VOC:], own, difficult)
    if beyond:
        outcome[:VOC, list(beyond)] = LEFT_OUT
        own = [one for one in own if one[0] not in beyond]
    _take_coco(outcome[:VOC], own, difficult)
    return Matched(detected.scores, detected.labels, outcome, _counting(truth, classes))


def _match_beside_crowds(truth: Truth, detected: Detected, classes: int) -> Matched:
    outcome = np.full((VOC + 1, len(detected.scores)), LEFT_OUT, np.int8)
    for levels, rule, most in ((slice(VOC), _coco, COCO_DETECTIONS), (slice(VOC, VOC + 1), _voc, None)):
        picked, of_rule = _outcomes(truth, detected, rule, len(outcome[levels]), most)
        outcome[levels, picked] = of_rule
    return Matched(detected.scores, detected.labels, outcome, _counting(truth, classes))


def _beyond(labels: Ints, order: Ints, classes: int) -> set[int]:
    """Which detections are not among the COCO_DETECTIONS of their class with the highest scores."""
    found: set[int] = set()
    if len(labels) > COCO_DETECTIONS:
        for label in np.flatnonzero(np.bincount(labels, minlength=classes) > COCO_DETECTIONS):
            found.update(order[labels[order] == label][COCO_DETECTIONS:].tolist())
    return found


def _take_voc(outcome: Outcomes, pairs: Pairs, difficult: Sequence[bool]) -> None:
    """Enter what becomes of the detections, by falling score, each with the objects of its class that it lies on."""
    taken: set[int] = set()
    for detection, objects in pairs:
        nearest, _ = max(objects, key=_iou)
        if difficult[nearest]:
            outcome[0, detection] = LEFT_OUT
        elif nearest not in taken:
            outcome[0, detection] = HIT
            taken.add(nearest)


def _iou(one: tuple[int, float]) -> float:
    return one[1]


def _take_coco(outcome: Outcomes, pairs: Pairs, difficult: Sequence[bool]) -> None:
    """As `_take_voc`, at every threshold of COCO's: the last of equal objects, those that count before the others."""
    times = Counter(place for _, objects in pairs for place, _ in objects)
    contested = []
    for one in pairs:
        detection, objects = one
        (place, iou), *others = objects
        if others or times[place] > 1:
            contested.append(one)
        else:  # nobody else is there to take it
            outcome[: bisect_right(_LEVELS, iou), detection] = LEFT_OUT if difficult[place] else HIT
    for level, least in enumerate(_LEVELS if contested else ()):
        taken: set[int] = set()
        for detection, objects in contested:
            free = [(not difficult[place], iou, place) for place, iou in objects if iou >= least and place not in taken]
            if free:
                counts, _, place = max(free)
                outcome[level, detection] = HIT if counts else LEFT_OUT
                taken.add(place)


def _match(
    truth: Truth,
    detected: Detected,
    classes: int,
    outside: Bools | None,
    rule: _Rule,
    thresholds: int,
    most: int | None,
) -> Matched:
    detected = tidy(detected)
    picked, outcome = _outcomes(truth, detected, rule, thresholds, most)
    if outside is not None:
        outcome = np.where((outcome == FALSE) & outside[picked], np.int8(LEFT_OUT), outcome)
    return Matched(detected.scores[picked], detected.labels[picked], outcome, _counting(truth, classes))


def _outcomes(
    truth: Truth, detected: Detected, rule: _Rule, thresholds: int, most: int | None
) -> tuple[Ints, Outcomes]:
    """Class by class, by falling score, the detections that are looked at, and what becomes of them (T, K)."""
    order = np.argsort(-detected.scores, kind="stable")
    kept, outcomes = [np.empty(0, np.int64)], [np.empty((thresholds, 0), np.int8)]
    occurring = set(truth.labels.tolist())
    for label in np.unique(detected.labels).tolist():
        mine = order[detected.labels[order] == label][:most]
        kept.append(mine)
        if label in occurring:
            outcomes.append(rule(detected.boxes[mine], _of_class(truth, label)))
        else:
            outcomes.append(np.full((thresholds, len(mine)), FALSE, np.int8))
    return np.concatenate(kept), np.concatenate(outcomes, axis=1)


def _counting(truth: Truth, classes: int) -> Ints:
    """(C,): how many objects of each class count."""
    return np.bincount(truth.labels[~(truth.difficult | truth.crowd)], minlength=classes).astype(np.int64)


def _of_class(truth: Truth, label: int) -> Truth:
    mine = truth.labels == label
    return Truth(truth.boxes[mine], truth.labels[mine], truth.difficult[mine], truth.crowd[mine], truth.area[mine])


def _voc(boxes: Floats, objects: Truth) -> Outcomes:
    iou = pairwise_iou(boxes, objects.boxes)
    left_out = objects.difficult | objects.crowd
    taken = np.zeros(len(left_out), np.bool_)
    outcome = np.full((1, len(boxes)), FALSE, np.int8)
    best = iou.argmax(axis=1)
    for d in np.flatnonzero(iou.max(axis=1) >= VOC_IOU):
        nearest = best[d]
        if left_out[nearest]:
            outcome[0, d] = LEFT_OUT
        elif not taken[nearest]:
            outcome[0, d] = HIT
            taken[nearest] = True
    # Its IoU with a region without an end is 0.
    return np.where(outcome == FALSE, np.int8(LEFT_OUT), outcome) if everywhere(objects).any() else outcome


def _coco(boxes: Floats, objects: Truth) -> Outcomes:
    overlap = overlaps(boxes, objects)
    left_out = objects.difficult | objects.crowd
    levels = np.arange(len(COCO_IOUS))
    taken = np.zeros((len(COCO_IOUS), len(left_out)), np.bool_)
    outcome = np.full((len(COCO_IOUS), len(boxes)), FALSE, np.int8)
    for d in np.flatnonzero((overlap >= COCO_IOUS[0]).any(axis=1)):
        free = (overlap[d] >= COCO_IOUS[:, None]) & ~taken
        best, matched = _best(overlap[d], free, ~left_out)
        outcome[matched, d] = np.where(left_out[best[matched]], LEFT_OUT, HIT)
        taken[levels[matched], best[matched]] = True
        taken[:, objects.crowd] = False  # a crowd is never full
    return outcome


def _best(overlap: Floats, free: Bools, counted: Bools) -> tuple[Ints, Bools]:
    """Per threshold, the index of the object to take and whether there is one; counted objects go first."""
    first = free & counted
    candidates = np.where(first.any(axis=1, keepdims=True), first, free)
    ranked = np.where(candidates, overlap, -1.0)
    last = ranked.shape[1] - 1
    matched: Bools = ranked.max(axis=1) >= 0
    return last - ranked[:, ::-1].argmax(axis=1), matched
