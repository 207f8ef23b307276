"""From an attack's name and options to a plan, by task: what the command line and the runs ask of the registry."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.attacks import zoo
from foolscape.attacks.names import CLIPS_ALONE, DETECTORS_ALONE, NONE, TASK_OPTIONS
from foolscape.attacks.parts.goals import goal_of, only_class_of
from foolscape.attacks.plan import ATTACK_PIXELS, SAMPLINGS, Plan, Scope, Window
from foolscape.attacks.registry import REGISTRY, Attack, Recipe, Settings, owners
from foolscape.errors import SettingError, unknown
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO

LABELS_FROM: Final = ("truth", "prediction")
zoo.load()
CATALOG: Final[tuple[Attack, ...]] = tuple(REGISTRY.values())
"""The attacks that come with foolscape."""


def plan(name: str, options: Settings, classes: tuple[str, ...]) -> Plan:
    """The attack called `name`, settled for a segmentation model with these class names.

    Args:
        name: of the registry.
        options: of the attack, by name, as text or values.
        classes: of the model.

    Raises:
        UnknownNameError: no such attack or value.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, DETECTORS_ALONE, "detectors", "segmentation")
    _refuse(options, CLIPS_ALONE, "clips", "segmentation")
    return recipe(name, options, "segmentation").settled(Scope(SEGMENTATION, classes))


def plan_detection(name: str, options: Settings, classes: tuple[str, ...]) -> Plan:
    """The attack called `name`, settled for a detector of these classes; by default it is untargeted.

    Args:
        name, classes: as of `plan`.
        options: also `goal`, see `attacks.parts.goals`, and `only_class`, the one class that is to be touched.

    Raises:
        UnknownNameError: no such attack, value, goal or class.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, CLIPS_ALONE, "clips", "detection")
    goal = goal_of(str(options.get("goal") or "untargeted"))
    if goal.name == "mislabel" and len(classes) < 2:
        raise SettingError(f"goal: expected a model of several classes to mislabel, got {classes[0]} alone; use vanish")
    made = recipe(name, options, "detection")
    if made.attack.untargeted is not None and not goal.targeted:
        goal = made.attack.untargeted
    only_class = options.get("only_class")
    index = only_class_of(None if only_class is None else str(only_class), classes)
    return made.settled(Scope(DETECTION, classes, goal, index))


def plan_video(name: str, options: Settings) -> Plan:
    """The attack called `name`, settled for a tracker: on the first frame of a clip, seen through a window of frames.

    Args:
        name: of the registry.
        options: also `window`, how many frames the attack looks at, the first one included; `sampling`, which frames
            these are; `labels_from`, `truth` or `prediction`: what the later frames are judged by during the attack;
            and `attack_pixels`, what of them is to become wrong.

    Raises:
        UnknownNameError: no such attack, value, sampling, labels_from or part of the frames.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, DETECTORS_ALONE, "detectors", "video")
    made = recipe(name, options, "video")
    window = _window(made.attack, options)
    if window.sampling == "random" and made.attack.compares:
        raise SettingError(
            f"sampling: {name} compares its steps with each other, which random frames forbid; use spread"
        )
    settled = made.settled(Scope(VIDEO, (), window=window))
    # Other frames at every step: as a detector's candidates are found anew.
    ascent = replace(settled.ascent, resample_targets=1) if window.sampling == "random" else settled.ascent
    return replace(settled, ascent=ascent, window=window)


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


def recipe(name: str, options: Settings, task: str | None) -> Recipe:
    """The attack called `name` with those of `options` that are no `TASK_OPTIONS`.

    Raises:
        UnknownNameError: no such attack or value.
        SettingError: an option is another attack's.
    """
    if name not in REGISTRY:
        raise unknown("attack", name, [*REGISTRY, NONE])
    attack = REGISTRY[name]
    given = {key: value for key, value in options.items() if value is not None and key not in TASK_OPTIONS}
    variant = given.get("variant")
    if variant is not None and variant not in attack.variants:
        raise unknown(f"variant of {name}", str(variant), attack.variants)
    if "variant" not in attack.options:
        given.pop("variant", None)
    for key, value in given.items():
        able = owners(key, task)
        if key in attack.without:
            raise SettingError(f"{key}: {name} {attack.without[key]}")
        if key not in attack.options and able:
            whose = " and ".join(part for part in (", ".join(able[:-1]), able[-1]) if part)
            raise SettingError(f"{key}: is for {whose}, got {value} for {name}")
    return attack(**given)


def _refuse(options: Settings, names: tuple[str, ...], whose: str, task: str) -> None:
    for name in names:
        if options.get(name) is not None:
            raise SettingError(f"{name}: is for {whose}, got {options[name]!r} for {task}")
