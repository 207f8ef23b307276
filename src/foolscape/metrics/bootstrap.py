"""Confidence intervals of pooled scores by resampling images.

Percentile bootstrap (Efron and Tibshirani 1993, chapter 13): images are drawn with replacement, the score is computed
from their pooled counts, and the interval spans the middle 95 % of the resampled scores. Images, not pixels, are
drawn: the pixels of one image are far from independent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.segmentation import Counts

RESAMPLES: Final = 1000
LEVEL: Final = 95.0

CONVENTIONS: Final[dict[str, str]] = {
    "ci95": f"Intervals: {LEVEL:g} % percentile bootstrap over images, {RESAMPLES} resamples; no width for one image.",
}


class Interval(NamedTuple):
    """The ends of a confidence interval, shaped as the score: scalars as (), per class as (C,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def draws(images: int, seed: int, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """How often each of N >= 1 images is drawn in R resamples with replacement: (R, N), whole numbers.

    Drawing N images with replacement and adding them up is the same as weighting each image with how often it was
    drawn, and those weights are multinomial: one matrix product instead of a loop.
    """
    times = np.random.default_rng(seed).multinomial(images, np.full(images, 1.0 / images), size=resamples)
    # float64 goes through BLAS and is exact for counts below 2**53 pixels.
    return times.astype(np.float64)


def resample(counts: Counts, seed: int, resamples: int = RESAMPLES) -> Counts:
    """Pooled counts (R, C) of `resamples` draws with replacement from the N images of `counts` (N, C)."""
    return weigh(counts, draws(counts.hit.shape[0], seed, resamples))


def weigh(counts: Counts, weights: NDArray[np.float64]) -> Counts:
    """Pooled counts (R, C) of the N images of `counts` (N, C), each as often as `weights` (R, N) says."""
    return Counts(*((weights @ field).astype(np.int64) for field in (counts.hit, counts.truth, counts.predicted)))


def interval(
    counts: Counts,
    score: Callable[[Counts], NDArray[np.float64]],
    seed: int,
    resamples: int = RESAMPLES,
) -> Interval:
    """The 95 % interval of a pooled score.

    Args:
        counts: (N, C), one row per image, N >= 1 (`segmentation.stack`).
        score: `mean_iou`, `pixel_accuracy`, `iou_per_class` or any function of Counts that keeps leading axes.
        seed: of the resampling; the same seed draws the same images whatever the score.
        resamples: number of draws.

    Returns:
        Ends in the unit of the score. With one image every resample is that image, so both ends are the score itself:
        that says nothing about certainty. Resamples in which a class does not occur are left out of that class's
        interval; the ends are NaN where it occurs in none.
    """
    return middle(score(resample(counts, seed, resamples)))


def middle(scores: NDArray[np.float64]) -> Interval:
    """The interval that holds the middle 95 % of R resampled scores (R, ...); NaN counts nowhere."""
    flat = scores.reshape(len(scores), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    known = np.isfinite(flat).any(axis=0)  # nanpercentile warns about columns that are NaN throughout
    tail = (100.0 - LEVEL) / 2
    if known.any():
        ends[:, known] = np.nanpercentile(flat[:, known], [tail, 100.0 - tail], axis=0)
    return Interval(ends[0].reshape(scores.shape[1:]), ends[1].reshape(scores.shape[1:]))
