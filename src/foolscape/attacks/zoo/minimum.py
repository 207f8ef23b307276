"""The recipes of the attacks that look for the smallest change: a bisected bound, and ALMA prox."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from foolscape.attacks.engine.ascent import Ascent, AtMost
from foolscape.attacks.engine.bisection import Bisected, Search
from foolscape.attacks.engine.smallest import LADDER
from foolscape.attacks.parts.constraints import PixelRange
from foolscape.attacks.parts.objective_table import objective_of
from foolscape.attacks.parts.objectives import Objective, towards
from foolscape.attacks.parts.targets import TargetRule
from foolscape.attacks.parts.updates import MaxAbs, Momentum, Update
from foolscape.attacks.plan import Attack, Options, Plan, Scope
from foolscape.attacks.zoo import recipes
from foolscape.attacks.zoo.alma import AlmaProx, margins_left
from foolscape.errors import SettingError
from foolscape.pixels import Levels

STEPS: Final = 500
"""Gradients per image, as ALMA prox has them in its paper."""

LARGEST: Final = LADDER[-1]
"""The largest bound tried, in levels, unless the user says otherwise."""

ALLOWED: Final = 0.01
"""The share of the labelled pixels that may stay right if an image is to count as fooled."""


def dag_min(attack: Attack, options: Options, scope: Scope) -> Plan:
    """DAG's steps, kept within a bound that is bisected."""
    plain = recipes.dag(attack, options, scope)
    return _bisected(attack, options, scope, plain.ascent.objective, MaxAbs(), plain.step, plain.target)


def pgd_min(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Signed steps with momentum that fade during each try, kept within a bound that is bisected."""
    if options.step is not None:
        raise SettingError(
            "step: pgd-min begins every try with steps as long as its bound; leave it out, or use dag-min"
        )
    named = options.objective or "masked-ce"
    targeted = scope.goal is not None and scope.goal.targeted
    objective = towards if targeted else objective_of(named, scope.task, scope.channels)
    settled = _bisected(attack, options, scope, objective, Momentum(0.75), None, None)
    return replace(settled, objective=None if targeted else named)


def alma_prox(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Multipliers for every pixel and a proximal step; no bound."""
    if options.eps is not None:
        raise SettingError(f"eps: alma-prox has no bound, it looks for the smallest; got {options.eps}; use dag-min")
    if scope.channels < 3:
        raise SettingError(f"attack: alma-prox needs 3 scores per pixel, got {scope.channels}; use pgd-min")
    share, steps = _share(options, scope), options.steps or STEPS
    update = AlmaProx(steps, AtMost(share))
    # lambda_0 of the paper is 1e-3 of the pixel range.
    step = options.step or Levels(Fraction(255, 1000))
    return _plan(attack, options, scope, margins_left, update, step, steps, None)


def _bisected(
    attack: Attack,
    options: Options,
    scope: Scope,
    objective: Objective,
    inner: Update,
    step: Levels | None,
    target: TargetRule | None,
) -> Plan:
    largest, steps = options.eps or Levels(Fraction(LARGEST)), options.steps or STEPS
    if largest.levels.denominator != 1:
        raise SettingError(
            f"eps: an 8-bit image changes by whole levels; expected a largest bound of such, got {largest}"
        )
    search = Search(int(largest.levels), steps)
    update = Bisected(inner, search, AtMost(_share(options, scope)), fading=step is None)
    return replace(_plan(attack, options, scope, objective, update, step or largest, steps, target), largest=largest)


def _plan(
    attack: Attack,
    options: Options,
    scope: Scope,
    objective: Objective,
    update: Update,
    step: Levels,
    steps: int,
    target: TargetRule | None,
) -> Plan:
    """What all have in common: the smallest change in Linf, looked at as the 8-bit image it would be."""
    if options.norm not in (None, "linf"):
        raise SettingError(f"norm: {attack.name} looks for the smallest change in linf, got {options.norm}")
    if options.refresh is not None:
        raise SettingError(f"refresh: {attack.name} compares its steps with each other, which new candidates forbid")
    share = _share(options, scope)
    return Plan(
        name=attack.name,
        variant=attack.variants[0],
        source=attack.source,
        ascent=Ascent(
            objective=objective,
            update=update,
            constraint=PixelRange(),
            step=step.unit,
            steps=steps,
            stop=AtMost(share),
            rounded=options.rounded is not False,
            ladder=LADDER,
        ),
        target=target,
        eps=None,
        norm="linf",
        step=step,
        steps=steps,
        stop=share,
        goal=scope.goal,
        victim=scope.victim,
    )


def _share(options: Options, scope: Scope) -> float:
    """Of the targets that may be left: none of a detector's candidates, else `ALLOWED`, by which success is judged."""
    detects = scope.goal is not None
    if options.stop is None:
        return 0.0 if detects else ALLOWED
    if not detects and options.stop > ALLOWED:
        raise SettingError(f"stop: an image counts as fooled with at most {ALLOWED:g} of it left, got {options.stop:g}")
    return options.stop
