"""The smallest bound under which an attack succeeds, found by doubling and bisecting it during one ascent.

Only the cube that the iterate is kept in changes. A bound is tried for some steps. An iterate that fools the image ends
the try at once, is projected into a smaller bound and continues there; one that has not fooled it by then continues
under a larger bound. So no steps are spent on restarts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from foolscape.attacks.parts.constraints import Constraint, inside_cube
from foolscape.attacks.parts.updates import Direction, State, StepContext, Update
from foolscape.pixels import WHITE
from foolscape.problem import Problem
from foolscape.sending import numbers_on

FADED = 0.05
"""The last step of a try, as a part of the first, where steps fade."""


class Try(NamedTuple):
    """A bound that is being tried; all in levels and steps.

    Attributes:
        low: the largest bound given up so far; 0 at first.
        high: the smallest change that fooled the image; more than the largest bound where none has.
        bound: what is tried.
        begin, end: the steps before its first and after its last one.
    """

    low: int
    high: int
    bound: int
    begin: int
    end: int


@dataclass(frozen=True)
class Search:
    """Which bound comes next.

    The first is one level. It is doubled until the image is fooled, with equal shares of half of the steps; then the
    gap between what failed and what succeeded is halved, with equal shares of the rest. Once they are neighbours, the
    larger is tried again one level lower, with all that is left.

    Attributes:
        largest: bound, in whole levels.
        steps: in all.
    """

    largest: int
    steps: int

    @property
    def first(self) -> Try:
        """Before the first step."""
        return Try(0, self.largest + 1, 1, 0, self._share)

    @property
    def _share(self) -> int:
        """Steps for each bound until the first success."""
        doublings = (self.largest - 1).bit_length() + 1
        return max(self.steps // (2 * doublings), 1)

    def after(self, current: Try, taken: int, size: float | None) -> Try:
        """What to try when `taken` steps are taken, and a change of `size` has fooled the image (None: it has not)."""
        if size is None and taken < current.end:
            return current
        if size is None:
            low, high = max(current.low, current.bound), current.high
        else:
            # A bound given up in vain does not stay given up when less than it has sufficed.
            high = min(math.ceil(size), current.high)
            low = min(current.low, high - 1)
        if high > self.largest:
            bound, end = min(2 * current.bound, self.largest), taken + self._share
            return Try(low, high, bound, taken, self.steps if low == self.largest else end)
        halvings = (high - low - 1).bit_length()
        if halvings == 0:
            return Try(low, high, max(high - 1, 1), taken, self.steps)
        return Try(low, high, (low + high) // 2, taken, taken + max((self.steps - taken) // (halvings + 1), 1))


@dataclass(frozen=True)
class Bisected(Update):
    """Steps along another update's direction, kept within the bound that `Search` says for each image.

    For an attack with a `ladder`, which knows of its iterates how large they are and whether they fool the image.

    Attributes:
        inner: gives the direction.
        search: gives the bound.
        fading: whether the first step of a try is as long as its bound and the others shrink, along half a cosine, to
            `FADED` of it; else steps are as long as the attack says.
    """

    inner: Direction
    search: Search
    fading: bool

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """The inner update's state, and the first try."""
        return *self.inner.start(problem, generators), torch.tensor(self.search.first).repeat(len(problem), 1)

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """One step along the direction, into the cube of the bound that is tried from now on."""
        *before, tries = state
        direction, inner = self.inner.direction(context.gradient, context.objective, tuple(before))
        # As large as the 8-bit image that was evaluated: the nearest whole levels.
        current = [
            self.search.after(Try(*values), taken, round(size) if won else None)
            for values, taken, size, won in zip(
                tries.tolist(), context.taken, context.sizes, context.fooled, strict=True
            )
        ]
        lengths = [self._length(one, taken, step) for one, taken in zip(current, context.taken, strict=True)]
        length, radius = (
            numbers_on(context.images.device, values, context.images.dtype).view(-1, 1, 1, 1)
            for values in (lengths, [one.bound / WHITE for one in current])
        )
        ahead = inside_cube(context.images + length * direction, context.clean, radius)
        return constraint.project(ahead, context.clean), (*inner, torch.tensor(current))

    def _length(self, current: Try, taken: int, step: float) -> float:
        if not self.fading:
            return step
        share = (taken - current.begin) / max(current.end - current.begin - 1, 1)
        return current.bound / WHITE * (FADED + (1 - FADED) * (1 + math.cos(math.pi * min(share, 1.0))) / 2)
