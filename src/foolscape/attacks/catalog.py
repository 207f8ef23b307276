"""From an attack's name and options to a plan, by task: what the command line and the runs ask of the registry."""

from __future__ import annotations

from typing import Final

from foolscape.attacks import zoo
from foolscape.attacks.names import NONE, TASK_OPTIONS, foreign_to
from foolscape.attacks.plan import Plan, Scope
from foolscape.attacks.registry import REGISTRY, Attack, Recipe, Settings, owners
from foolscape.attacks.registry import register as register
from foolscape.attacks.tasks.base import TaskAttacks
from foolscape.by_name import record_or_none
from foolscape.errors import SettingError, unknown
from foolscape.tasks.base import SEGMENTATION, task_named

zoo.load()
CATALOG: Final[tuple[Attack, ...]] = tuple(REGISTRY.values())
"""The attacks that come with foolscape."""


def plan(name: str, options: Settings, classes: tuple[str, ...] = (), task: str = SEGMENTATION.name) -> Plan:
    """The attack called `name`, planned for a model with these class names.

    Args:
        name: of the registry.
        options: of the attack and of the task (`Task.options`), by name, as text or values.
        classes: of the model; a tracker has none.
        task: that the model is for.

    Raises:
        UnknownNameError: no such attack, task or value.
        SettingError: a setting does not fit the attack or the task.
    """
    kind = task_named(task)
    for option, other in foreign_to(kind).items():
        if options.get(option) is not None:
            raise SettingError(f"{option}: is for {other.models}, got {options[option]!r} for {task}")
    chosen = recipe(name, options, task)
    own = record_or_none("foolscape.attacks.tasks", task, TaskAttacks)
    return chosen.plan_for(Scope(kind, classes)) if own is None else own.plan_for(chosen, options, classes)


def recipe(name: str, options: Settings, task: str | None) -> Recipe:
    """The attack called `name` with those of `options` that are no `TASK_OPTIONS`.

    Raises:
        UnknownNameError: no such attack or value.
        SettingError: an option is another attack's.
    """
    if name not in REGISTRY:
        raise unknown("attack", name, [*REGISTRY, NONE])
    attack = REGISTRY[name]
    values = {key: value for key, value in options.items() if value is not None and key not in TASK_OPTIONS}
    variant = values.get("variant")
    if variant is not None and variant not in attack.variants:
        raise unknown(f"variant of {name}", str(variant), attack.variants)
    if "variant" not in attack.options:
        values.pop("variant", None)
    for key, value in values.items():
        able = owners(key, task)
        if key in attack.without:
            raise SettingError(f"{key}: {name} {attack.without[key]}")
        if key not in attack.options and able:
            whose = " and ".join(part for part in (", ".join(able[:-1]), able[-1]) if part)
            raise SettingError(f"{key}: is for {whose}, got {value} for {name}")
    return attack(**values)
