"""Attacks on clips: on the first frame, seen through a window of frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.attacks.plan import Plan, Scope, Window
from foolscape.attacks.registry import Attack, Recipe, Settings
from foolscape.attacks.tasks.base import TaskAttacks
from foolscape.errors import SettingError
from foolscape.option import Option
from foolscape.tasks.base import VIDEO


def plan_for(recipe: Recipe, options: Settings, classes: tuple[str, ...]) -> Plan:
    """The attack with its `window`, how many frames it uses, `sampling`, `labels_from` and `attack_pixels`."""
    del classes  # a tracker has none
    window = _window(recipe.attack, options)
    if window.sampling == "random" and recipe.attack.compares:
        raise SettingError(
            f"sampling: {recipe.attack.name} compares its steps with each other, which random frames forbid; use spread"
        )
    plan = recipe.plan_for(Scope(VIDEO, (), window=window))
    # Other frames at every step: as a detector's candidates are found anew.
    ascent = replace(plan.ascent, resample_targets=1) if window.sampling == "random" else plan.ascent
    return replace(plan, ascent=ascent, window=window)


def _window(attack: Attack, options: Settings) -> Window:
    """The frames of a clip that the attack uses."""
    own = {"sampling": attack.sampling, "attack_pixels": attack.attack_pixels}

    def value(option: Option) -> object:
        chosen = options.get(option.name)
        return option.value(own.get(option.name, option.default) if chosen is None else chosen)

    values = {option.name: value(option) for option in VIDEO.options}
    frames = values["window"]
    if not isinstance(frames, int) or frames < 2:
        raise SettingError(f"window: expected the first frame and at least one more, got {frames}")
    return Window(
        frames,
        str(values["sampling"]),
        truth=values["labels_from"] == "truth",
        objects=values["attack_pixels"] == "objects",
    )


RECORD: Final = TaskAttacks(plan_for)
