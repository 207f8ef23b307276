"""Square: random squares of the largest change, kept where the scores say that they pay. It takes no gradient.

Andriushchenko, Croce, Flammarion, Hein: Square Attack: a query-efficient black-box adversarial attack via random
search, ECCV 2020, algorithms 1 and 2, for a bound in Linf.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.parts.constraints import Constraint
from foolscape.attacks.parts.updates import State, StepContext, Update
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.family import Bounded, bounded
from foolscape.errors import SettingError
from foolscape.problem import Problem
from foolscape.sending import numbers_on, sent

_HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Of 10,000 queries, those after which the share of a square is halved; others are scaled to it."""


FIRST: Final = 0.8
"""The share of the pixels that the first squares cover."""


@dataclass(frozen=True)
class Square(Update):
    """Random search: one proposal per step, and the next evaluation decides whether it stays.

    The start is +-eps in stripes of one column, each channel on its own. Then a square at a random place becomes +-eps,
    each channel on its own: the step is 2 eps, and what follows is projected. The first evaluation, of the clean image,
    is not counted as a query.

    A proposal stays if the objective, summed over the targets, is larger: with the margin of what is still right this
    is the paper's loss over many labels. Going by fewer targets left, and the objective among equals, reaches less (2
    scenes, `bundled:scenes-unet`, 8/255, 1,000 queries: 82.0 and 49.6 % of the pixels still right; by the objective
    81.5 and 44.7). Where we differ: a square that happens to change nothing is not drawn anew.

    Attributes:
        queries: of the whole attack, for the schedule.
        first: the share of the pixels that the first squares cover, p of the paper.
    """

    queries: int
    first: float

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """Nothing kept yet."""
        del generators
        return problem.images, problem.images.new_zeros(len(problem))

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """The next proposals, and what is kept so far: images, and the objective there."""
        kept, kept_value = state
        value = context.objective.value.flatten(1).sum(1).to(kept_value.dtype)
        stays = value > kept_value
        # Before the first stripes there is nothing to keep; they stay as they are.
        early = [taken <= 1 for taken in context.taken]
        if any(early):
            stays = stays | numbers_on(value.device, early, torch.bool)
        kept = torch.where(stays.view(-1, 1, 1, 1), context.images, kept)
        change = self._changes(kept, context.taken, context.generators)
        state = kept, torch.where(stays, value, kept_value)
        return constraint.project(torch.add(kept, change, alpha=step), context.clean), state

    def _changes(self, images: Tensor, taken: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
        """(B, 3, H, W): -1 and 1 where the next proposals differ from `images`, else 0; all of it at first."""
        count, channels, height, width = images.shape
        # What is drawn lies on the CPU. A change is the product of its rows and columns: these alone are sent.
        drawn = torch.zeros(count, height + channels * width, dtype=images.dtype)
        for one, steps, generator in zip(drawn.numpy(), taken, generators, strict=True):
            self._draw(one[:height], one[height:].reshape(channels, width), steps, generator)
        rows, columns = sent(drawn, images.device).split_with_sizes([height, channels * width], dim=1)
        return rows.view(count, 1, height, 1) * columns.view(count, channels, 1, width)

    def _draw(
        self, rows: NDArray[np.floating], columns: NDArray[np.floating], taken: int, generator: torch.Generator
    ) -> None:
        """Write into zeros which rows (H,) a proposal changes, and which way each channel of columns (3, W) goes."""
        (height,), (channels, width) = rows.shape, columns.shape
        if not taken:
            rows[:] = 1
            columns[:] = _signs((channels, width), generator)
            return
        side = side_at(taken, self.queries, self.first, (height, width))
        down, right = torch.rand(2, generator=generator).tolist()
        top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
        rows[top : top + side] = 1
        columns[:, left : left + side] = _signs((channels, 1), generator)


def side_at(taken: int, queries: int, first: float, size: tuple[int, int]) -> int:
    """The side of the square proposed after `taken` of `queries`, at least 1 and inside an image of `size` (H, W)."""
    scaled = 10_000 * taken // queries
    share = first / 2 ** sum(scaled > halving for halving in _HALVINGS)
    return min(max(round(math.sqrt(share * size[0] * size[1])), 1), *size)


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> NDArray[np.int64]:
    signs: NDArray[np.int64] = 2 * torch.randint(0, 2, shape, generator=generator).numpy() - 1
    return signs


@register(
    "square",
    source="Andriushchenko et al., Square Attack: a Query-efficient Black-box Adversarial Attack via Random Search, "
    "ECCV 2020",
    compares=True,
    without={**COMPARES, "step": "takes the whole bound; use --steps alone"},
    title="Square",
    own_steps=True,
)
def square(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    steps: o.Steps = 1000,
    norm: o.Norm = "linf",
    stop: o.Stop = 0.0,
    quantise_steps: o.QuantiseSteps = False,
) -> Plan:
    """Random squares of the largest change, kept by the scores alone: no gradient, one query a step."""
    if norm == "l2":
        raise SettingError("norm: square changes pixels by the whole bound and has no l2 form here; use --norm linf")
    options = Bounded(eps=eps, steps=steps, stop=stop, own="margin", quantise_steps=quantise_steps)
    plan = bounded(scope, options, update=Square(steps, FIRST), part=lambda _: Fraction(2))
    return replace(plan, ascent=replace(plan.ascent, blind=True))
