"""The smallest mIoU that can be put together from several results per image: the greedy choice of SEA.

mIoU is not a mean over images, so the worst result of every image by itself need not give the smallest mIoU: to take a
rare class away from one image may cost more of it than to take many pixels of the sky. Croce, Singh, Hein (ECCV 2024,
2306.12941) start at the fewest right pixels of each image and swap, image by image, whatever lowers the
pooled score, until nothing does.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.segmentation import Counts, mean_iou


def worst_choice(results: Collection[Counts]) -> list[int]:
    """Which result of each image to take for a small mIoU of them all.

    Args:
        results: for each of N >= 1 images its K >= 1 results, (K, C) each; K may differ, the truth of an image may not.
            They are gone through again and again.

    Returns:
        N numbers, each below its K: a choice that no single swap improves, and no worse than the fewest right pixels
        per image. The smallest of all the choices there are may be smaller still.
    """
    chosen = [int(one.hit.sum(axis=-1).argmin()) for one in results]
    pooled: NDArray[np.int64] = functools.reduce(np.add, map(_stacked, picked(results, chosen)))
    lowest, improved = float(_scores(pooled[:, None])[0]), True
    while improved:  # every swap lowers the score, and there are finitely many choices
        improved = False
        for i, one in enumerate(results):
            part = _stacked(one)
            swapped = (pooled - part[:, chosen[i]])[:, None] + part
            scores = _scores(swapped)
            best = int(scores.argmin())
            if scores[best] < lowest:
                lowest, improved = float(scores[best]), True
                chosen[i], pooled = best, swapped[:, best]
    return chosen


def picked(results: Iterable[Counts], chosen: Sequence[int]) -> Iterator[Counts]:
    """The chosen result of each image, (C,) each."""
    return (Counts(one.hit[k], one.truth[k], one.predicted[k]) for one, k in zip(results, chosen, strict=True))


def _stacked(counts: Counts) -> NDArray[np.int64]:
    """(3, ..., C)"""
    return np.stack([counts.hit, counts.truth, counts.predicted])


def _scores(parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(3, K, C) -> (K,)"""
    return mean_iou(Counts(*parts))
