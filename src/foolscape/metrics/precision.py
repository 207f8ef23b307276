"""Average precision from matches, for many weightings of the images at once.

An interval leaves images out in turn, which weights each image by 0 or 1. Precision as a function
of recall has its corners at the hits, so the curve of every weighting is needed only there: one matrix product per
class, with as many rows as there are hits, however many detections lie between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Floats, Ints
from foolscape.metrics.matching import FALSE, HIT, Matched, Outcomes

Summary = Callable[[Floats, Floats], Floats]
"""(interpolated precision, recall), each (P, R) at the P hits of R weightings -> average precision (R,)."""

VOC07_LEVELS: Final = np.arange(11) / 10
# Not i * 0.1: three hits of ten objects reach a recall of 0.3, which is below 3 * 0.1 in float64.
COCO_LEVELS: Final = np.linspace(0.0, 1.0, 101)


def eleven_points(precision: Floats, recall: Floats) -> Floats:
    """VOC until 2009: the mean of the precision at recalls 0, 0.1 .. 1 (Everingham et al. 2010, section 4.2)."""
    return _at(VOC07_LEVELS, precision, recall)


def hundred_one_points(precision: Floats, recall: Floats) -> Floats:
    """COCO: the mean of the precision at recalls 0, 0.01 .. 1."""
    return _at(COCO_LEVELS, precision, recall)


def area_under(precision: Floats, recall: Floats) -> Floats:
    """VOC since 2010: the area under the interpolated curve (VOCap of the devkit)."""
    area: Floats = (precision * np.diff(recall, axis=0, prepend=0.0)).sum(axis=0)
    return area


def average_precision(images: Sequence[Matched], weights: Floats, summary: Summary) -> Floats:
    """The average precision of every class under every weighting of the images.

    Args:
        images: N matched images, all with the same T and C; detections with equal scores count in this order.
        weights: (R, N) float64, how often each image counts.
        summary: `eleven_points`, `area_under` or `hundred_one_points`.

    Returns:
        (R, T, C) in [0, 1]; NaN where the weighted images hold no object of the class. Beside the result it takes
        memory for (hits of a class) x (N + R) numbers.
    """
    scores = np.concatenate([image.scores for image in images])
    labels = np.concatenate([image.labels for image in images])
    outcome = np.concatenate([image.outcome for image in images], axis=1)
    origin = np.repeat(np.arange(len(images)), [len(image.scores) for image in images])
    objects = weights @ np.stack([image.truths for image in images]).astype(np.float64)
    result = np.full((len(weights), outcome.shape[0], objects.shape[1]), np.nan)
    order = np.argsort(-scores, kind="stable")
    for label in np.flatnonzero(objects.any(axis=0)):
        mine = order[labels[order] == label]
        known = objects[:, label] > 0
        drawn, present = weights[known], objects[known, label]
        for t, row in enumerate(outcome[:, mine]):
            result[known, t, label] = _summarise(row, origin[mine], drawn, present, summary)
    return result


def _summarise(outcome: Outcomes, origin: Ints, weights: Floats, objects: Floats, summary: Summary) -> Floats:
    """(R,): of one class at one threshold; `outcome` (K,) with the highest score first, `origin` (K,) its image."""
    at = np.flatnonzero(outcome == HIT)
    wrong = np.flatnonzero(outcome == FALSE)
    # Row p of `between` counts, per image, the false positives after hit p - 1 and before hit p; later ones are moot.
    row = np.searchsorted(at, wrong)
    counts = weights.shape[1]
    between = np.bincount(row * counts + origin[wrong], minlength=(len(at) + 1) * counts)
    false = np.cumsum(between.reshape(-1, counts)[:-1].astype(np.float64) @ weights.T, axis=0)
    hits = np.cumsum(weights[:, origin[at]].T, axis=0)
    precision = np.divide(hits, hits + false, out=np.zeros_like(hits), where=hits > 0)
    # Interpolated precision: the best that is reached at this recall or a larger one.
    return summary(np.maximum.accumulate(precision[::-1], axis=0)[::-1], hits / objects)


def _at(levels: Floats, precision: Floats, recall: Floats) -> Floats:
    # Each level takes the precision of the first hit that reaches it; levels that none reaches take 0.
    reached = np.diff(np.searchsorted(levels, recall, side="right"), axis=0, prepend=0)
    mean: Floats = (precision * reached).sum(axis=0) / len(levels)
    return mean
