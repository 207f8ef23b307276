"""`foolscape.plan`: every setting of an attack resolved, for the engine."""

from __future__ import annotations

from collections.abc import Mapping

from foolscape.api.given import check_options, merged
from foolscape.api.recipes import as_recipe
from foolscape.api.wording import in_its_words
from foolscape.attacks import catalog
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Attack, Recipe
from foolscape.tasks.base import SEGMENTATION


@in_its_words
def plan(
    attack: str | Recipe | Attack,
    options: Mapping[str, object] | None = None,
    classes: tuple[str, ...] = (),
    task: str = SEGMENTATION.name,
) -> Plan:
    """The attack with all of its settings, planned for a model with these class names.

    Args:
        attack: as of `attack`, such as "pgd?steps=3", `foolscape.pgd(steps=3)` or "mine.py:my_attack".
        options: further ones, and those of the task, such as a detector's goal.
        classes: of the model; a tracker has none.
        task: that the model is for.

    Raises:
        SettingError: an option does not fit the attack or the task, or is given twice.
    """
    named = as_recipe(attack)
    return catalog.plan(named.attack.name, merged(named.options, check_options(options)), classes, task)
