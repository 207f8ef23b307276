"""The stages of APGD, each under one radius, and the steps before which the size of a step is judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

CONSTANT: Final = ((1.0, 1),)
"""One stage."""


SHRINKING: Final = ((2.0, 3), (1.5, 3), (1.0, 4))
"""SEA's red-eps: radii as multiples of eps, and the shares of the steps taken in them."""


FEWEST_STAGED: Final = 10
"""Steps of a bound that shrinks at 3 : 3 : 4 of them."""


@dataclass(frozen=True)
class Stage:
    """Steps taken under one radius.

    Attributes:
        begin, end: the first step, and the first of the next stage.
        radius: as a multiple of the constraint's.
        checkpoints: steps before which the step's size is judged; each with the number of steps since the last one.
    """

    begin: int
    end: int
    radius: float
    checkpoints: dict[int, int]


def staged(steps: int, shares: Sequence[tuple[float, int]]) -> tuple[Stage, ...]:
    """Stages of `steps` steps in all, from (radius, share) pairs; each needs at least one step."""
    whole, spent, ends = sum(share for _, share in shares), 0, [0]
    for _, share in shares:
        spent += share
        ends.append(round(steps * spent / whole))
    return tuple(
        Stage(begin, end, radius, _checkpoints(begin, end))
        for (begin, end), (radius, _) in zip(pairwise(ends), shares, strict=True)
    )


def _checkpoints(begin: int, end: int) -> dict[int, int]:
    """At the shares p of the steps: p_0 = 0, p_1 = .22, p_{j+1} = p_j + max(p_j - p_{j-1} - .03, .06)."""
    lengths, before, share, last = {}, 0.0, 0.22, begin
    while share < 1:
        # 0.57 * 100 is a little more than 57 in floats.
        at = begin + math.ceil(round(share * (end - begin), 9))
        if last < at < end:
            lengths[at] = at - last
            last = at
        before, share = share, share + max(share - before - 0.03, 0.06)
    return lengths
