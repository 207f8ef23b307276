"""The recipes of the attacks that look for the worst case: APGD, and several objectives one after the other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from foolscape.attacks.apgd import CONSTANT, SHRINKING, Apgd, staged
from foolscape.attacks.ascent import Ascent
from foolscape.attacks.losses import objective_of
from foolscape.attacks.plan import SCHEDULES, Attack, Options, Plan, Scope
from foolscape.attacks.recipes import annealed, gradient_family
from foolscape.attacks.updates import Sign, UnitL2
from foolscape.attacks.worst_case import Chosen, Part, WorstCase
from foolscape.errors import SettingError, unknown

FEWEST_STAGED: Final = 10
"""Steps of a bound that shrinks at 3 : 3 : 4 of them."""

BUDGET: Final = 120
FEWEST_TRIED: Final = 5
"""Steps of one objective's try; with fewer, APGD has no time to judge a step."""

CONTENDERS: Final = ("js", "cospgd")
"""The objectives that are tried: one of SEA's three and one that it does not have. A short try does not show well which
of three is best in the end; these two are seldom far from it (docs/attacks.md)."""

RARE: Final = "balanced-ce"
"""What is looked for last on segmentation, where the score is a mean over classes: SEA's third objective."""

TRIED, LAST = 6, 5
"""A try takes a sixth of the budget, and what is looked for last a fifth."""


def apgd(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Steps of `Apgd`, the first twice as long as the bound, from a random start; done when no target is left."""
    steps, schedule = options.steps or 100, options.schedule or SCHEDULES[0]
    if schedule not in SCHEDULES:
        raise unknown("schedule", schedule, SCHEDULES)
    shrinking = schedule == "shrinking"
    if shrinking and steps < FEWEST_STAGED:
        raise SettingError(f"steps: a shrinking bound needs at least {FEWEST_STAGED}, got {steps}; use constant")
    if shrinking and options.rounded:
        raise SettingError("rounded: a shrinking bound leaves the one that 8-bit images keep to; use constant")
    if options.refresh is not None:
        raise SettingError(f"refresh: {attack.name} compares its steps with each other, which new candidates forbid")
    update = Apgd(staged(steps, SHRINKING if shrinking else CONSTANT), UnitL2() if options.norm == "l2" else Sign())
    options = replace(options, stop=0.0 if options.stop is None else options.stop)
    twice = Fraction(2)
    settled = gradient_family(
        attack, options, scope, update=update, steps=steps, part=lambda _: twice, random_start=True
    )
    # The family's step under an L2 bound is not APGD's.
    ascent = replace(settled.ascent, update=update, free=update.free)
    return replace(settled, ascent=ascent, schedule=schedule)


def worst_case(attack: Attack, options: Options, scope: Scope) -> Plan:
    """A try for each of two objectives, then on from the best image with its own, and at last for rare classes."""
    budget = BUDGET if options.budget is None else options.budget
    if options.steps is not None or options.step is not None:
        raise SettingError("steps, step: worst-case shares out a budget and finds its own steps; use --budget")
    if scope.goal is not None and scope.goal.targeted:
        raise SettingError(f"attack: goal {scope.goal.name} has one objective, worst-case tries several; use apgd")
    fewest = FEWEST_STAGED if options.schedule == "shrinking" else FEWEST_TRIED
    probe = budget // TRIED
    if probe < fewest:
        least = TRIED * fewest
        raise SettingError(
            f"budget: a sixth of it is a try of at least {fewest} steps, which needs {least}, got {budget}"
        )
    settled = apgd(attack, replace(options, steps=probe), scope)
    last = budget // LAST if scope.task == "segmentation" else 0
    rest = budget - probe * len(CONTENDERS) - last
    names = (*CONTENDERS, RARE) if last else CONTENDERS
    parts = [Part(settled.ascent, n, anew=True) for n in range(len(CONTENDERS))]
    parts.append(Part(_onwards(attack, options, scope, steps=rest, first=2), None, anew=False))
    if last:
        parts.append(Part(_onwards(attack, options, scope, steps=last, first=1), names.index(RARE), anew=False))
    chosen = Chosen(tuple(objective_of(name, scope.task, scope.channels) for name in names))
    runner = WorstCase(names, tuple(replace(part, ascent=replace(part.ascent, objective=chosen)) for part in parts))
    return replace(settled, steps=budget, budget=budget, objective=", ".join(names), runner=runner)


def _onwards(attack: Attack, options: Options, scope: Scope, *, steps: int, first: float) -> Ascent:
    """Steps from a given image that shrink from `first` times the bound; twice is far enough to leave a short try's."""
    options = replace(options, steps=steps, schedule=None, stop=0.0 if options.stop is None else options.stop)
    if options.norm == "l2":
        # Annealed steps have no form under this norm.
        ascent = apgd(attack, options, scope).ascent
        return replace(ascent, step=ascent.step / 2)
    ascent = annealed(attack, options, scope).ascent
    return replace(ascent, step=first * ascent.step)
