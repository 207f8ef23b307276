"""What the attacks that search for the smallest change have in common: a bisected bound, and how they are judged."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from foolscape.attacks.engine.ascent import Ascent, AtMost
from foolscape.attacks.engine.bisection import Bisected, Search
from foolscape.attacks.engine.smallest import LADDER
from foolscape.attacks.parts.constraints import PixelRange
from foolscape.attacks.parts.objectives import Objective
from foolscape.attacks.parts.targets import TargetRule
from foolscape.attacks.parts.updates import Direction, Update
from foolscape.attacks.plan import Plan, Scope
from foolscape.errors import SettingError
from foolscape.pixels import Levels

STEPS: Final = 500
"""Gradients per image, as ALMA prox has them in its paper."""

LARGEST: Final = Levels(Fraction(LADDER[-1]))
"""The largest bound tried, unless the user says otherwise."""

ALLOWED: Final = 0.01
"""The share of the labelled pixels that may stay right if an image is to count as fooled."""


def bisected(
    name: str,
    scope: Scope,
    *,
    largest: Levels,
    objective: Objective,
    inner: Direction,
    step: Levels | None,
    steps: int,
    norm: str,
    stop: float | None,
    quantise_steps: bool,
    target: TargetRule | None = None,
) -> Plan:
    """The plan of steps of `inner` within a bound that is bisected; without a `step` they fade during each try."""
    if largest.levels.denominator != 1:
        raise SettingError(
            f"eps: an 8-bit image changes by whole levels; expected a largest bound of such, got {largest}"
        )
    share = share_of(stop, scope)
    update = Bisected(inner, Search(int(largest.levels), steps), fading=step is None)
    plan = smallest(
        name, scope, objective=objective, update=update, step=step or largest, steps=steps, norm=norm, share=share,
        quantise_steps=quantise_steps, target=target,
    )  # fmt: skip
    return replace(plan, largest=largest)


def smallest(
    name: str,
    scope: Scope,
    *,
    objective: Objective,
    update: Update,
    step: Levels,
    steps: int,
    norm: str,
    share: float,
    quantise_steps: bool,
    target: TargetRule | None = None,
) -> Plan:
    """What all have in common: the smallest change in Linf, evaluated as the 8-bit image it would be."""
    if norm != "linf":
        raise SettingError(f"norm: {name} looks for the smallest change in linf, got {norm}")
    return Plan(
        ascent=Ascent(
            objective=objective,
            update=update,
            constraint=PixelRange(),
            step=step.unit,
            steps=steps,
            stop=AtMost(share),
            quantise_steps=quantise_steps,
            ladder=LADDER,
        ),
        target=target,
        eps=None,
        norm="linf",
        step=step,
        steps=steps,
        stop=share,
        goal=scope.goal,
        only_class=scope.only_class,
        float32="compares sizes at which targets flip",
    )


def share_of(stop: float | None, scope: Scope) -> float:
    """Of the targets that may be left: none of a detector's candidates, else `ALLOWED`, by which success is judged."""
    detects = scope.goal is not None
    if stop is None:
        return 0.0 if detects else ALLOWED
    if not detects and stop > ALLOWED:
        raise SettingError(f"stop: an image counts as fooled with at most {ALLOWED:g} of it left, got {stop:g}")
    return stop
