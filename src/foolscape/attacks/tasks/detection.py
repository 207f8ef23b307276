"""Attacks on detectors: what they are after, and of which class."""

from __future__ import annotations

from typing import Final

from foolscape.attacks.names import TASK_OPTIONS
from foolscape.attacks.parts.goals import goal_of, only_class_of
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import Recipe, Settings
from foolscape.attacks.tasks.base import TaskAttacks
from foolscape.errors import SettingError
from foolscape.tasks.base import DETECTION


def plan_for(recipe: Recipe, options: Settings, classes: tuple[str, ...]) -> Plan:
    """The attack with its `goal`, see `attacks.parts.goals`, untargeted by default, and the `only_class` it touches."""
    goal = goal_of(str(options.get("goal") or TASK_OPTIONS["goal"].default))
    if goal.name == "mislabel" and len(classes) < 2:
        raise SettingError(f"goal: expected a model of several classes to mislabel, got {classes[0]} alone; use vanish")
    if recipe.attack.untargeted is not None and not goal.targeted:
        goal = recipe.attack.untargeted
    only_class = options.get("only_class")
    index = only_class_of(None if only_class is None else str(only_class), classes)
    return recipe.plan_for(Scope(DETECTION, classes, goal, index))


RECORD: Final = TaskAttacks(plan_for)
