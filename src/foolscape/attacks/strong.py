"""The recipes of the attacks that look for the worst case: APGD, and several objectives one after the other."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

from foolscape.attacks.apgd import CONSTANT, SHRINKING, Apgd, staged
from foolscape.attacks.plan import SCHEDULES, Attack, Options, Plan, Scope
from foolscape.attacks.recipes import gradient_family
from foolscape.attacks.updates import Sign, UnitL2
from foolscape.errors import SettingError, unknown

FEWEST_STAGED: Final = 10
"""Steps of a bound that shrinks at 3 : 3 : 4 of them."""


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
