"""Attacks on clips: on the first frame, seen through a window of frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.attacks.plan import ATTACK_PIXELS, SAMPLINGS, Plan, Scope, Window
from foolscape.attacks.registry import Attack, Recipe, Settings
from foolscape.attacks.tasks.base import TaskAttacks
from foolscape.errors import SettingError, unknown
from foolscape.tasks.base import VIDEO

LABELS_FROM: Final = ("truth", "prediction")
"""What the later frames are judged by during the attack."""


def settled(recipe: Recipe, options: Settings, classes: tuple[str, ...]) -> Plan:
    """The attack with its `window`, how many frames it looks at, `sampling`, `labels_from` and `attack_pixels`."""
    del classes  # a tracker has none
    window = _window(recipe.attack, options)
    if window.sampling == "random" and recipe.attack.compares:
        raise SettingError(
            f"sampling: {recipe.attack.name} compares its steps with each other, which random frames forbid; use spread"
        )
    plan = recipe.settled(Scope(VIDEO, (), window=window))
    # Other frames at every step: as a detector's candidates are found anew.
    ascent = replace(plan.ascent, resample_targets=1) if window.sampling == "random" else plan.ascent
    return replace(plan, ascent=ascent, window=window)


def _window(attack: Attack, options: Settings) -> Window:
    """What the attack looks at of a clip."""
    frames = options.get("window")
    frames = 3 if frames is None else frames
    if not isinstance(frames, int) or frames < 2:
        raise SettingError(f"window: expected the first frame and at least one more, got {frames}")
    labels_from = str(options.get("labels_from") or LABELS_FROM[0])
    sampling = str(options.get("sampling") or attack.sampling)
    pixels = str(options.get("attack_pixels") or attack.attack_pixels)
    for what, value, known in (
        ("labels_from", labels_from, LABELS_FROM),
        ("sampling", sampling, SAMPLINGS),
        ("attack_pixels", pixels, ATTACK_PIXELS),
    ):
        if value not in known:
            raise unknown(what, value, known)
    return Window(frames, sampling, labels_from == LABELS_FROM[0], pixels == ATTACK_PIXELS[1])


RECORD: Final = TaskAttacks(settled)
