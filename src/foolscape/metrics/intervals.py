"""Confidence intervals of pooled scores by leaving out images.

The score is computed without each image in turn, from the pooled counts of the others: the jackknife (Efron and
Tibshirani 1993, chapter 11). Images, not pixels, are left out: the pixels of one image are far from independent. The
interval spans Student's t times the jackknife's standard error on either side, on the scale of log-odds (ibid., section
12.6), so that it stays within 0 and 100 and is the longer on the side where there is more room.

The middle 95 % of bootstrap resamples are too narrow at few images: they scatter by sqrt((n - 1) / n) too little, take
no heed of what n images do not know of their own scatter, and never leave the range of the sample. Any bootstrap falls
short where many classes are rare: a resample holds two thirds of the images, and no class that the others alone show.
`benchmarks/coverage.py` compares ways by simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.segmentation import Counts, iou_per_class

GROUPS: Final = 1000
"""Of more images so many groups are left out in turn, drawn by lot."""
LEVEL: Final = 95.0
LEAST: Final = 8
"""Images from which on scores have an interval: of fewer, too many samples show nothing of what is rare."""
LEAST_CLEAN: Final = 5
"""The same for the scores of a segmentation of clean images, which differ less from image to image."""
SHOWN: Final = 10
"""Images that must show a class for its own score to have an interval."""


def convention(few: str, unit: str = "image") -> str:
    """How intervals are made, and `few`: where none is given."""
    return (
        f"Intervals: {LEVEL:g} %, Student's t times the jackknife's standard error over {unit}s, on the scale of "
        f"log-odds. No interval is given, since it could not be relied on, {few}."
    )


CONVENTIONS: Final[dict[str, str]] = {
    "ci95": convention(
        f"below {LEAST} images ({LEAST_CLEAN} where they are clean), and for a class that fewer than {SHOWN} of them "
        "show"
    ),
}


class Interval(NamedTuple):
    """The ends of a confidence interval, shaped as the score: scalars as (), per class as (C,)."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]


def left_out(images: int, seed: int, groups: int = GROUPS) -> NDArray[np.float64]:
    """How often each of N >= 1 images counts when each of G groups is left out in turn: (G, N), 0 and 1.

    Up to `groups` images each is a group; above, images are dealt to groups of nearly equal size by the seed.
    """
    group = dealt(images, seed, groups)
    kept: NDArray[np.float64] = (group[None, :] != np.arange(min(images, groups))[:, None]).astype(np.float64)
    return kept


def dealt(images: int, seed: int, groups: int = GROUPS) -> NDArray[np.int64]:
    """The group of each of N >= 1 images (N,), from 0 on: the one that `left_out` leaves out with it."""
    if images <= groups:
        return np.arange(images)
    group: NDArray[np.int64] = np.random.default_rng(seed).permutation(images) % groups
    return group


def weigh(counts: Counts, weights: NDArray[np.float64]) -> Counts:
    """Pooled counts (R, C) of the N images of `counts` (N, C), each as often as `weights` (R, N) says."""
    # float64 goes through BLAS and is exact for counts below 2**53 pixels.
    return Counts(*((weights @ field).astype(np.int64) for field in (counts.hit, counts.truth, counts.predicted)))


def interval(
    counts: Counts,
    score: Callable[[Counts], NDArray[np.float64]],
    seed: int,
    least: int = LEAST,
) -> Interval:
    """The 95 % interval of a pooled score.

    Args:
        counts: (N, C), one row per image, N >= 1 (`segmentation.stack`).
        score: `mean_iou`, `pixel_accuracy` or any function of Counts, (..., C) -> (...), in percent.
        seed: of the groups, where there are more than `GROUPS` images.
        least: images from which on there is an interval.

    Returns:
        As `around`.
    """
    images = len(counts.hit)
    point = score(weigh(counts, np.ones((1, images))))[0]
    return around(point, score(weigh(counts, left_out(images, seed))), images, least)


def interval_per_class(counts: Counts, seed: int) -> Interval:
    """The 95 % intervals (C,) of `iou_per_class`; NaN for classes that fewer than `SHOWN` images show."""
    images = len(counts.hit)
    point = iou_per_class(weigh(counts, np.ones((1, images))))[0]
    shown = (counts.truth > 0).sum(axis=0)
    return around(point, iou_per_class(weigh(counts, left_out(images, seed))), shown, SHOWN)


def around(
    point: NDArray[np.float64], without: NDArray[np.float64], images: int | NDArray[np.int64], least: int = LEAST
) -> Interval:
    """The 95 % interval of scores in percent, within 0 and 100.

    Args:
        point: (...), the scores of all images.
        without: (G, ...), those without each of the groups of `left_out`; NaN counts nowhere.
        images: how many images a score rests on, one number or (...).
        least: images from which on there is an interval.

    Returns:
        Ends on either side of `point`; both are `point` where no image changes anything. NaN below `least` images, for
        a single one, and where `point` is.
    """
    from scipy.special import expit, logit  # here, for it takes as long to import as all of foolscape's metrics

    share, reach = point / 100, _reach(without, images, least) / 100
    inside = (share > 0) & (share < 1)
    some = np.where(inside, share, 0.5)
    # On the scale of log-odds the standard error is that of the share divided by p (1 - p), the slope there.
    width = reach / (some * (1 - some))
    ends = (np.where(inside, 100 * expit(logit(some) + end), point) for end in (-width, width))
    return Interval(*(np.where(np.isnan(reach), np.nan, end) for end in ends))


def around_unbounded(
    point: NDArray[np.float64], without: NDArray[np.float64], images: int, least: int = LEAST
) -> Interval:
    """As `around`, for values that may be anything, such as differences: as far on either side."""
    reach = _reach(without, images, least)
    return Interval(point - reach, point + reach)


def _reach(without: NDArray[np.float64], images: int | NDArray[np.int64], least: int) -> NDArray[np.float64]:
    """(...): t times the jackknife's standard error from the scores without each group (G, ...); NaN counts nowhere."""
    known = np.isfinite(without)
    times = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, without, 0.0).sum(axis=0) / times
    error = np.sqrt((np.where(known, without - mean, 0.0) ** 2).sum(axis=0) * ((times - 1) / times))
    free = np.maximum(np.asarray(images) - 1, 1)
    enough = known.any(axis=0) & (np.asarray(images) >= max(least, 2))
    reach: NDArray[np.float64] = np.where(enough, student(free) * error, np.nan)
    return reach


def student(free: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """How many standard errors an interval of `LEVEL` percent reaches to either side, by degrees of freedom."""
    from scipy.special import stdtrit

    reach: NDArray[np.float64] = stdtrit(free, 0.5 + LEVEL / 200)
    return reach
