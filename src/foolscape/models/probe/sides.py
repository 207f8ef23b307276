"""Sides of images at which a network is tried: the arithmetic of `trying`."""

from __future__ import annotations

import math
from typing import Final

PATCH: Final = 256
"""The largest patch that is looked for."""


def primes(number: int) -> list[int]:
    """The primes that divide `number`."""
    return [n for n in range(2, number + 1) if number % n == 0 and all(n % less for less in range(2, n))]


def patches(size: tuple[int, int], lost: tuple[int, int]) -> list[int]:
    """The sides of patches of which as many as go into `size` leave just `lost` rows and columns."""
    if not any(lost):
        return []
    common = math.gcd(size[0] - lost[0], size[1] - lost[1])
    return [patch for patch in range(max(lost) + 1, PATCH + 1) if common % patch == 0]


def uneven(side: int, rest: int) -> int:
    """The next larger side that is `rest` more than a multiple of 32 and divisible by none of 3, 5 and 7.

    With a rest of 11 or 21 neither rounding up nor rounding down makes halves of halves that fit again.
    """
    candidate = side + 1 + (rest - side - 1) % 32
    while math.gcd(candidate, 105) > 1:
        candidate += 32
    return candidate


def beyond(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Larger sides than `size`, different ones, whose greatest common divisor is `multiple`."""
    high, wide = (side // multiple + 1 for side in size)
    while math.gcd(high, wide) > 1 or high == wide:
        wide += 1
    return high * multiple, wide * multiple


def size_text(size: tuple[int, int]) -> str:
    """`size` (H, W) as text."""
    return f"{size[0]} x {size[1]}"
