"""The recipes of the attacks that look for the worst case: APGD, and several objectives one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

from foolscape.attacks.engine.ascent import Ascent, while_targets
from foolscape.attacks.parts.nms_objective import AndAppearing
from foolscape.attacks.parts.objective_table import Persistent, objective_of
from foolscape.attacks.parts.objectives import Objective
from foolscape.attacks.parts.updates import Sign, UnitL2
from foolscape.attacks.plan import SCHEDULES, Attack, Options, Plan, Scope
from foolscape.attacks.zoo.apgd import CONSTANT, SHRINKING, Apgd, staged
from foolscape.attacks.zoo.recipes import annealed, gradient_family
from foolscape.attacks.zoo.worst_case import Chosen, Part, WorstCase
from foolscape.errors import SettingError, unknown

FEWEST_STAGED: Final = 10
"""Steps of a bound that shrinks at 3 : 3 : 4 of them."""

BUDGET: Final = 120
FEWEST_FIRST: Final = 5
"""Steps of the first objective; with fewer, APGD has no time to judge a step."""

APPEARING: Final = "masked-ce and boxes"
"""The last objective on detectors, see `AndAppearing`."""

TAKEN: Final = {
    "segmentation": {"js": 1, "cospgd": 1, "masked-ce": 1, "soft-iou": 2},
    "detection": {"js": 1, "cospgd": 2, APPEARING: 2},
    "video": {"cospgd": 1, "ce": 4},
}
"""The objectives by task, and how many fifths of the budget each takes. Why these: docs/attacks.md."""


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
    """Objectives one after the other: APGD with the first, then annealed steps that set out less and less far."""
    budget = BUDGET if options.budget is None else options.budget
    if options.steps is not None or options.step is not None:
        raise SettingError("steps, step: worst-case shares out a budget and finds its own steps; use --budget")
    if scope.goal is not None and scope.goal.targeted:
        raise SettingError(f"attack: goal {scope.goal.name} has one objective, worst-case tries several; use apgd")
    names, (first, second, *others) = tuple(TAKEN[scope.task]), _shared(budget, TAKEN[scope.task].values())
    fewest = FEWEST_STAGED if options.schedule == "shrinking" else FEWEST_FIRST
    if first < fewest:
        raise SettingError(
            f"budget: a fifth of it is the part of {names[0]}, of at least {fewest} steps, which needs {5 * fewest}, "
            f"got {budget}"
        )
    settled = apgd(attack, replace(options, steps=first), scope)
    ascents = [settled.ascent, _onwards(attack, options, scope, steps=second, first=2)]
    ascents += [_onwards(attack, options, scope, steps=steps, first=1) for steps in others]
    if scope.task == "detection" and options.stop is None:
        # Lost by the attack's rule is not yet unseen: see `Persistent`.
        settled = replace(settled, stop=None)
        ascents = [replace(ascent, stop=while_targets) for ascent in ascents]
    chosen = Chosen(tuple(_objective(name, scope) for name in names))
    parts = tuple(Part(replace(ascent, objective=chosen), n) for n, ascent in enumerate(ascents))
    objective = ", ".join(names)
    return replace(settled, steps=budget, budget=budget, objective=objective, runner=WorstCase(names, parts))


def _objective(name: str, scope: Scope) -> Objective:
    """The objective called `name` of TAKEN; on a detector one that goes on when no candidate is right any more.

    With a victim nothing is asked of what is neither it nor another object, for only the victim's are told apart.
    """
    if scope.goal is None:
        return objective_of(name, scope.task, scope.channels)
    if name != APPEARING:
        return Persistent(objective_of(name, scope.task, scope.channels))
    objects = Persistent(objective_of("masked-ce", scope.task, scope.channels))
    return objects if scope.victim is not None else AndAppearing(objects, scope.goal.floor)


def _shared(budget: int, shares: Iterable[int]) -> list[int]:
    """The budget in parts of so many fifths, whole numbers that add up to it."""
    ends = [budget * end // 5 for end in accumulate(shares, initial=0)]
    return [after - before for before, after in pairwise(ends)]


def _onwards(attack: Attack, options: Options, scope: Scope, *, steps: int, first: float) -> Ascent:
    """Steps from a given image that shrink from `first` times the bound; twice is far enough to leave a maximum."""
    options = replace(options, steps=steps, schedule=None, stop=0.0 if options.stop is None else options.stop)
    if options.norm == "l2":
        # Annealed steps have no form under this norm.
        ascent = apgd(attack, options, scope).ascent
        return replace(ascent, step=ascent.step / 2)
    ascent = annealed(attack, options, scope).ascent
    return replace(ascent, step=first * ascent.step)
