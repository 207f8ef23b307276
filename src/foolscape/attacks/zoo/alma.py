"""ALMA prox: the smallest change that fools a share of the pixels, by multipliers for every pixel and a proximal step.

Rony, Pesquet, Ben Ayed, Proximal Splitting Adversarial Attack for Semantic Segmentation, CVPR 2023, arXiv 2206.07179;
after the augmented Lagrangian of Rony, Granger, Pedersoli, Ben Ayed, ICCV 2021 (ALMA), arXiv 2011.11857. Written from
the description of the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import AtMost, Stop
from foolscape.attacks.parts.constraints import Constraint
from foolscape.attacks.parts.objective_table import logits_ratios
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.updates import State, StepContext, Update
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.smallest_change import ALLOWED, STEPS, share_of, smallest
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.problem import Problem
from foolscape.sending import numbers_on

LAMBDA_0: Final = Levels(Fraction(255, 1000))
"""Of the paper: 1e-3 of the pixel range."""

SLACK: Final = 1e-4
"""By how much the label's score must be below the largest other one, over the spread of the scores."""

_TINY: Final = 1e-8
_SMOOTH: Final = 0.8
"""What a multiplier, and the mean of the squared gradient, keep of their last value."""
_LEAST, _MOST = 1e-12, 1.0
"""Of a multiplier."""
_EVERY, _BETTER, _GROWTH = 10, 0.95, 2.0
"""Of the penalty's curvature rho: how often it is checked; the share of a constraint that may be left if a
pixel is to have improved; the factor by which it grows where it has not."""
_TOGETHER, _CURVED, _STIFFEST = 0.1, 0.75, 10.0
"""What all multipliers of an image add up to at first; rho at first, over the root of a multiplier; the most that rho
grows by in all. The method's own are a multiplier of 1 and a rho of 0.01 for each pixel, without an end."""
_SMALLEST_SCALE, _SHRINK = 0.1, 0.02
"""Of the constraints' scale: its least, and by how much it moves per step."""
_DROPPED: Final = 0.8
"""Of the targets that may be left, the share whose constraints are left out in the end; 1 in the paper. Others waver
about 0 when an image is rounded to 8 bits."""
_HALVINGS: Final = 20
"""Of the interval in which the proximal step searches for the largest change: down to a millionth, as in the paper."""


def margins_left(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """-(u_y - max of the others + 1e-4) / (u_(1) - u_(3) + 1e-8) of every labelled target: minus the constraint c.

    Unlike `losses.logits_ratio` it counts targets that are fooled too, where it is positive: their multipliers shrink.
    """
    del progress
    ratio, active = logits_ratios(scores, problem, SLACK, _TINY)
    return ObjectiveValue(torch.where(problem.counted, ratio, 0), active)


def slope(c: Tensor, rho: Tensor, mu: Tensor) -> Tensor:
    """dP/dc of the penalty P, all of one shape: the multiplier as the constraint c sees it.

    P = mu c + mu rho c^2 + rho^2 c^3 / 6 for c >= 0 (P_3 of Birgin et al. 2005), mu c / (1 - max(rho, 1) c) below.
    """
    above = mu + 2 * mu * rho * c + rho**2 * c**2 / 2
    below = mu / (1 - rho.clamp(min=1) * c.clamp(max=0)) ** 2
    return torch.where(c >= 0, above, below)


def prox_largest(wanted: Tensor, weight: float | Tensor, metric: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """argmin over z of weight max|z| + sum metric (z - wanted)^2 / 2 with low <= z <= high, for each image.

    z is `wanted`, cut to the box and to [-r, r]. The sum's derivative in the radius r rises with r, so that halving an
    interval finds where it equals `weight`; the paper searches the value itself in thirds.

    Args:
        wanted: (B, 3, H, W).
        weight: of the largest change, (B,) or a number.
        metric: (B, 3, H, W), positive.
        low, high: (B, 3, H, W), with 0 between them.
    """
    size = wanted.abs().flatten(1)
    # A component that the box cuts does not move with r any more, however far it wants to go.
    reach = torch.minimum(torch.maximum(wanted, low), high).abs().flatten(1)
    heavy = metric.flatten(1)
    most = weight.view(-1, 1) if isinstance(weight, Tensor) else weight
    over = reach.amax(1, keepdim=True)
    under = torch.zeros_like(over)
    for _ in range(_HALVINGS):
        middle = (under + over) / 2
        gain = torch.where(reach > middle, heavy * (size - middle), 0).sum(1, keepdim=True)
        grow = gain > most
        under, over = torch.where(grow, middle, under), torch.where(grow, over, middle)
    radius = over.view(-1, 1, 1, 1)
    return torch.minimum(torch.maximum(wanted, low), high).clamp(-radius, radius)


class _AlmaMemory(NamedTuple):
    """What ALMA remembers, batch-first.

    Attributes:
        mu, rho: (B, *N), multipliers and curvatures.
        stiffest: (B,), the largest rho that an image may have.
        checked: (B, *N), the constraint at the last check of the curvatures.
        fooled: (B, *N) bool, whether the target has been fooled since.
        scale: (B,), of the constraints.
        square: (B, 3, H, W), mean of the squared gradient.
        allowed, most: (B,), targets that may be left; the latter on the CPU.
    """

    mu: Tensor
    rho: Tensor
    stiffest: Tensor
    checked: Tensor
    fooled: Tensor
    scale: Tensor
    square: Tensor
    allowed: Tensor
    most: Tensor


@dataclass(frozen=True)
class AlmaProx(Update):
    """The update: it weighs every target by its multiplier and takes a variable-metric forward-backward step.

    The attack's objective is `margins_left`. A step of size lambda moves a pixel by lambda times its gradient over the
    root mean square of its gradients (the metric), and pulls the largest change down by the weight lambda. lambda falls
    from the attack's step to `last` of it, lambda_0 / (1 + (1 / last - 1) i / (n - 1)). The constraints of the
    targets furthest from being fooled are left out, more and more of them, until those that may be left are.

    Where we differ: multipliers begin at 0.1 over the number of labelled pixels and not at 1, curvatures at 0.75 of the
    root of that and not at 0.01, these grow tenfold at most, `last` is 0.3 and not 0.1, and a fifth of the targets
    that may be left is kept back. With the method's values the penalties outweigh the largest change by six orders of
    magnitude on our images, and it grows far too large before they have come down (figures in docs/attacks.md).

    Attributes:
        steps: n.
        stop: of the attack, which says how many targets may be left.
        last: lambda's last value, as a part of its first.
    """

    steps: int
    stop: Stop
    last: float = 0.3

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """Multipliers that add up to `_TOGETHER` over the labelled targets of an image, all the same."""
        del generators
        ones = torch.ones(problem.labels.shape, dtype=problem.images.dtype, device=problem.images.device)
        allowed = self.stop(problem)
        first = _TOGETHER / problem.counted.flatten(1).sum(1).clamp(min=1).to(ones.dtype)
        rho = _CURVED * first.sqrt()
        each = (-1, *(1,) * (ones.ndim - 1))
        return _AlmaMemory(
            mu=ones * first.view(each),
            rho=ones * rho.view(each),
            stiffest=_STIFFEST * rho,
            checked=torch.full_like(ones, torch.inf),
            fooled=torch.zeros_like(ones, dtype=torch.bool),
            scale=problem.images.new_ones(len(problem)),
            square=torch.zeros_like(problem.images),
            allowed=allowed,
            most=allowed.cpu(),
        )

    def target_weights(self, objective: ObjectiveValue, taken: tuple[int, ...], state: State) -> tuple[Tensor, State]:
        """The multipliers after this evaluation, as weights."""
        memory = _AlmaMemory(*state)
        scale = memory.scale.view(-1, *(1,) * (objective.value.ndim - 1))
        c = -objective.value
        memory = self._stiffened(memory, c, objective.active, taken)
        mu = (_SMOOTH * memory.mu + (1 - _SMOOTH) * slope(scale * c, memory.rho, memory.mu)).clamp(_LEAST, _MOST)
        weights = scale * slope(scale * c, memory.rho, mu) * self._kept(c, memory.most, taken)
        done = objective.active.flatten(1).sum(1) <= memory.allowed
        turned = torch.where(done, memory.scale / (1 + _SHRINK), memory.scale / (1 - _SHRINK))
        return weights, memory._replace(mu=mu, scale=turned.clamp(_SMALLEST_SCALE, 1))

    def _stiffened(self, memory: _AlmaMemory, c: Tensor, active: Tensor, taken: tuple[int, ...]) -> _AlmaMemory:
        """With a larger curvature where a target was neither fooled nor came closer since the last check."""
        fooled = memory.fooled | ~active
        checks = [steps > 0 and steps % _EVERY == 0 for steps in taken]
        if not any(checks):
            return memory._replace(fooled=fooled)
        due = numbers_on(c.device, checks, torch.bool).view(-1, *(1,) * (c.ndim - 1))
        stuck = due & ~fooled & (c > _BETTER * memory.checked)
        most = memory.stiffest.view(-1, *(1,) * (c.ndim - 1))
        return memory._replace(
            rho=torch.where(stuck, torch.minimum(_GROWTH * memory.rho, most), memory.rho),
            checked=torch.where(due, c, memory.checked),
            fooled=fooled & ~due,
        )

    def _kept(self, c: Tensor, allowed: Tensor, taken: tuple[int, ...]) -> Tensor:
        """(B, *N) bool: all but the largest constraints, whose number rises to `_DROPPED` of what may be left."""
        kept = torch.ones_like(c, dtype=torch.bool)
        for i, (most, steps) in enumerate(zip(allowed.tolist(), taken, strict=True)):
            dropped = math.floor(_DROPPED * most * steps / max(self.steps - 1, 1) + 1e-9)
            if dropped:
                kept[i].view(-1).index_fill_(0, c[i].flatten().topk(dropped).indices, False)
        return kept

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """The forward step along the gradient, the backward one by `prox_largest`."""
        memory = _AlmaMemory(*state)
        square = _SMOOTH * memory.square + (1 - _SMOOTH) * context.gradient**2
        at = numbers_on(square.device, context.taken, square.dtype)
        size = step / (1 + (1 / self.last - 1) * at / max(self.steps - 1, 1))
        bias = (1 - _SMOOTH ** (at + 1)).view(-1, 1, 1, 1)
        metric = (square / bias).sqrt() + _TINY
        ahead = context.images - context.clean + size.view(-1, 1, 1, 1) * context.gradient / metric
        change = prox_largest(ahead, size, metric, -context.clean, 1 - context.clean)
        return constraint.project(context.clean + change, context.clean), memory._replace(square=square)


@register(
    "alma-prox",
    source="after Rony et al., Proximal Splitting Adversarial Attack for Semantic Segmentation, CVPR 2023",
    tasks=("segmentation",),
    form="default",
    compares=True,
    without={**COMPARES, "eps": "has no bound, it looks for the smallest; use dag-min"},
    title="ALMA prox",
)
def alma_prox(
    scope: Scope,
    *,
    step: o.Step = LAMBDA_0,
    steps: o.Steps = STEPS,
    norm: o.Norm = "linf",
    stop: o.Stop = ALLOWED,
    quantise_steps: o.QuantiseSteps = True,
) -> Plan:
    """The smallest change that fools 99 % of the pixels, by multipliers per pixel and a proximal step."""
    if scope.channels < 3:
        raise SettingError(f"attack: alma-prox needs 3 scores per pixel, got {scope.channels}; use pgd-min")
    share = share_of(stop, scope)
    update = AlmaProx(steps, AtMost(share))
    return smallest(
        "alma-prox", scope, objective=margins_left, update=update, step=step, steps=steps, norm=norm, share=share,
        quantise_steps=quantise_steps,
    )  # fmt: skip
