"""Differences between two measurements of the same images, with intervals.

Images differ far more from each other than an image from itself under another condition, so two intervals that overlap
say little about the difference. Here the pairs are kept: the same images are left out of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.intervals import LEAST, around_unbounded, left_out, student

Weighted = Callable[[Floats], Floats]
"""(R, N), how often each of N images counts -> the pooled score (R,) in percent; NaN where it is not defined."""


@dataclass(frozen=True)
class Difference:
    """A score less another one of the same images, with its 95 % interval.

    Attributes:
        value: in the unit of the scores; None where one of them is not defined.
        low: lower end of the interval; None where there is none.
        high: upper end; None where `low` is.
    """

    value: float | None
    low: float | None
    high: float | None

    @property
    def above(self) -> bool:
        """Whether the interval lies above 0."""
        return self.low is not None and self.low > 0

    @property
    def below(self) -> bool:
        """Whether the interval lies below 0."""
        return self.high is not None and self.high < 0


def paired_difference(a: Weighted, b: Weighted, images: int, seed: int) -> Difference:
    """The pooled score `a` less `b`, both of the same `images` in the same order.

    Args:
        a, b: the scores under weights of the images.
        images: N >= 1.
        seed: of the interval; the same images are left out of both.

    Returns:
        No ends below `LEAST` images, or where a score is not defined.
    """
    once = np.ones((1, images))
    value = a(once)[0] - b(once)[0]
    if images < LEAST:
        return Difference(_number(value), None, None)
    weights = left_out(images, seed)
    low, high = around_unbounded(value, a(weights) - b(weights), images)
    return Difference(_number(value), _number(low), _number(high))


def mean_difference(a: Floats, b: Floats) -> Difference:
    """The mean of `a` less that of `b`, with the t interval of paired differences (Student 1908).

    Args:
        a, b: (N,), a value per image, in the same order; a pair with a NaN is left out.

    Returns:
        No ends for fewer than two pairs, no value without any; differences that are all equal give an interval without
        width.
    """
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    difference = difference[np.isfinite(difference)]
    if not len(difference):
        return Difference(None, None, None)
    mean = float(difference.mean())
    if len(difference) == 1:
        return Difference(mean, None, None)
    if np.ptp(difference) == 0:  # the mean of equal numbers may differ from them in the last bit
        same = float(difference[0])
        return Difference(same, same, same)
    width = float(student(len(difference) - 1) * difference.std(ddof=1) / np.sqrt(len(difference)))
    return Difference(mean, mean - width, mean + width)


def _number(value: np.float64 | Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
