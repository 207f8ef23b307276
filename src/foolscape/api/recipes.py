"""The attack that a caller names: by text, by what `foolscape.pgd()` gives, or by the attack itself."""

from __future__ import annotations

from foolscape.attacks.catalog import recipe as recipe_of
from foolscape.attacks.names import NONE, TASK_OPTIONS
from foolscape.attacks.registry import Attack, Recipe
from foolscape.errors import SettingError
from foolscape.run.settings.former_names import current_names
from foolscape.run.settings.user_attack import enter_attack, enter_objective
from foolscape.spec import parse, written


def as_recipe(recipe: str | Recipe | Attack) -> Recipe:
    """A recipe of a text, of an attack without options, or itself; raises SettingError."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Attack):
        return recipe()
    if not isinstance(recipe, str):
        raise SettingError(
            "recipe: expected a text such as 'pgd?eps=8/255' or what foolscape.pgd() gives, got "
            f"{type(recipe).__name__}"
        )
    spec = parse(recipe, ())
    name = written(spec.scheme, spec.rest, {})
    enter_attack(name)
    options = spec.options if ":" in name else current_names(spec.options)
    for option in TASK_OPTIONS.keys() & options.keys():  # they are the call's own: one recipe serves every task
        argument = (
            f"{option}={options[option]!r}" if option in ("goal", "only_class") else f"options={{{option!r}: ..}}"
        )
        raise SettingError(f"{option}: expected it beside the recipe, got it in {recipe!r}; write {argument}")
    if "loss" in options:
        enter_objective(options["loss"])
    return recipe_of(name, options, None)


def attack_settings(attack: str | Recipe | Attack | None) -> dict[str, object]:
    """The settings of a `RunConfig` that say this attack; none for the default one."""
    if attack is None:
        return {}
    if isinstance(attack, str) and attack == NONE:
        return {"attack": NONE}
    if not isinstance(attack, str):
        return {"attack": str(as_recipe(attack))}
    return {"attack": attack}
