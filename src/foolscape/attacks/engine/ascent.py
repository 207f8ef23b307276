"""`Ascent`: an attack as a frozen record of small choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.attacks.parts.constraints import Constraint
from foolscape.attacks.parts.objectives import Objective
from foolscape.attacks.parts.transforms import Transforms
from foolscape.attacks.parts.updates import Update
from foolscape.problem import Problem

Stop = Callable[[Problem], Tensor]
"""Problem -> (B,) int64, the number of active targets at or below which an image is done; negative: never."""


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """Gradient ascent in pixel space: FGSM, PGD, MI-FGSM and DAG are settings of it, and Square.

    Attributes:
        objective: what is made large, and which targets are still to be fooled.
        update: how a gradient becomes a direction.
        constraint: where the image may go.
        step: how far along the direction, in [0, 1].
        steps: at most this many steps.
        stop: when an image is done before that.
        random_start: begin at a random image inside the constraint instead of the clean one.
        quantise_steps: evaluate each iterate as the 8-bit image that would be written, and add the gradient taken there
            to the iterate itself: what small steps have gathered counts once it moves a level.
        free: the iterates before this many steps may lie outside the constraint, and are no results.
        resample_targets: renew the targets of items that can after every so many steps; None: never.
        transforms: how a step's gradient is taken; None: as that of the iterate.
        blind: the update takes no gradient, and a step costs one forward pass: a query.
        bf16: take the scores and the gradient of a step in bfloat16 wherever PyTorch's autocast thinks it safe. What
            an image finishes with, and whether it is done, is counted in the images' own precision.
        ladder: bounds in levels; empty: an image is done as soon as it reaches `stop`. Else the attack searches for the
            smallest change in Linf that does, goes on until its steps are taken or no 8-bit image is nearer, and the
            best iterate within each of these bounds is kept too.
    """

    objective: Objective
    update: Update
    constraint: Constraint
    step: float
    steps: int
    stop: Stop
    random_start: bool = False
    quantise_steps: bool = False
    free: int = 0
    resample_targets: int | None = None
    transforms: Transforms | None = None
    blind: bool = False
    bf16: bool = False
    ladder: tuple[int, ...] = ()

    @property
    def gradients_per_step(self) -> int:
        """How many gradients a step takes."""
        if self.blind:
            return 0
        return 1 if self.transforms is None else self.transforms.gradients


def never(problem: Problem) -> Tensor:
    """Take all steps, whatever happens."""
    return torch.full((len(problem),), -1, device=problem.images.device)


def while_targets(problem: Problem) -> Tensor:
    """Take all steps on an image that has a target, and none on another."""
    return -problem.counted.flatten(1).any(dim=1).long()


@dataclass(frozen=True)
class AtMost:
    """Stop when at most a share of the targets is active; a share of 0 (the paper's DAG): when none is left.

    Attributes:
        share: in [0, 1], of the labelled targets that are not to stay as they are.
        background: a class whose targets are left out of the base (the released DAG takes 1 % of the object pixels).
    """

    share: float
    background: int | None = None

    def __call__(self, problem: Problem) -> Tensor:
        """(B,) int64."""
        base = problem.counted
        if problem.target is not None:
            base = base & (problem.target != problem.labels)
        if self.background is not None:
            base = base & (problem.labels != self.background)
        return (self.share * base.flatten(1).sum(1)).floor().long()
