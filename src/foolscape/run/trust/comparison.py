"""Two attacks, or an attack and a control, on the same images: which leaves less, beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from foolscape.metrics.paired import Difference, mean_difference
from foolscape.run.trust.by_image import pairs

POINTS: Final = 2.0
"""Percentage points below which two standings count as the same."""

SETTLED: Final = 8
"""Images from which on a difference whose interval includes 0 counts as none."""


def compare(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[Difference, int]:
    """The mean of `a` less `b` over the images of both, and how many these are."""
    own, other = pairs(a, b)
    return mean_difference(own, other), len(own)


def mean_of(values: Mapping[str, float], of: Mapping[str, float]) -> float:
    """The mean of `values` over the images that `of` has, too."""
    return float(np.mean(pairs(values, of)[0]))


def difference_words(difference: Difference) -> str:
    """The difference with its interval, such as `17.0 more (8.1 to 25.9)`."""
    assert difference.value is not None
    sign, more = (1, "more") if difference.value >= 0 else (-1, "less")
    ends = sorted(sign * end for end in (difference.low, difference.high) if end is not None)
    interval = f" ({ends[0]:z.1f} to {ends[1]:z.1f})" if ends else ""
    return f"{abs(difference.value):z.1f} {more}{interval}"


def less(difference: Difference) -> bool:
    """Whether what was compared leaves less by points that count, be it by chance."""
    return difference.value is not None and difference.value <= -POINTS


def surely_less(difference: Difference) -> bool:
    """Whether it does so beyond chance."""
    return less(difference) and difference.below


def standing_out(difference: Difference) -> tuple[bool, float]:
    """The key by which the difference to name comes first: one that is surely less, then the least."""
    return not surely_less(difference), difference.value or 0.0


def stronger(difference: Difference, images: int) -> bool | None:
    """Whether an attack is stronger than a control, which leaves `difference` more on so many images.

    Returns:
        None where it seems so on too few images to be sure.
    """
    if difference.above:
        return True
    return False if difference.value is None or difference.value < POINTS or images >= SETTLED else None


def no_weaker(difference: Difference, images: int) -> bool | None:
    """Whether an attack does as much as another, which leaves `difference` more on so many images.

    Returns:
        None where it may leave more by points that count, and the images are too few to be sure.
    """
    if surely_less(difference):
        return False
    if difference.value is None or less(difference):
        return None
    return True if images >= SETTLED or (difference.low is not None and difference.low > -POINTS) else None
