"""The attack that is used when none is named: the strongest within a bound that takes the given settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.names import task_of_option
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import REGISTRY, Settings
from foolscape.errors import SettingError, UnknownNameError
from foolscape.tasks.base import task_named

STRONGEST: Final = tuple(
    attack.name for attack in sorted(CATALOG, key=lambda a: -(a.strength or 0)) if attack.strength is not None
)
"""By strength at equal gradients, away from the label. Each is bounded, by 8/255 if nothing is said; the last takes
what no other does."""

OURS: Final = frozenset(attack.name for attack in CATALOG)
"""The attacks of which that holds that whether they take a setting does not depend on a model's classes."""

_STAND_INS: Final = ("a", "b", "c")
"""Classes to plan with: whether an attack takes a setting does not depend on them, and no model is open yet."""


@dataclass(frozen=True)
class Default:
    """An attack that was chosen for the user.

    Attributes:
        name: of the catalog.
        options: what it takes for the user's settings; steps are the budget of an attack that has one.
        why: for the record, one line.
    """

    name: str
    options: Settings
    why: str


def default_attack(task: str, options: Settings, *, shared: bool = False) -> Default:
    """The strongest attack for `task` that takes all of `options`.

    Args:
        task: segmentation, detection or video.
        options: `only_class` is ignored.
        shared: one change is made for several networks, which asks for an attack of one ascent.

    Raises:
        SettingError: no attack takes them; the error is that of the strongest.
    """
    refused: list[tuple[str, SettingError]] = []
    for name in STRONGEST:
        own_options = _budgeted(options) if "budget" in REGISTRY[name].options else options
        try:
            attack_plan = planned(task, name, own_options)
            if shared and not attack_plan.single:
                raise SettingError("ensemble: one change for several networks is one ascent")
        except UnknownNameError:
            raise
        except SettingError as error:
            refused.append((name, error))
            continue
        return Default(name, own_options, _reason(refused, budgeted=own_options is not options))
    raise refused[0][1]


def _budgeted(options: Settings) -> Settings:
    """With the steps as a budget, for an attack that takes a gradient a step and shares them out."""
    if options.get("steps") is None or options.get("budget") is not None:
        return options
    return {name: value for name, value in options.items() if name != "steps"} | {"budget": options["steps"]}


def planned(task: str, name: str, options: Settings) -> Plan:
    """The attack planned for classes that stand in for a model's; `SettingError` where an option does not fit."""
    if task_of_option("only_class") == task_named(task):
        options = {**options, "only_class": None}
    return plan(name, options, _STAND_INS, task)


def _reason(refused: list[tuple[str, SettingError]], *, budgeted: bool) -> str:
    if refused:
        name, error = refused[0]
        return f"default; {name} does not apply ({error})"
    return "default" + ("; steps are its budget of gradients" if budgeted else "")
