"""The attacks by name: what a user writes, and the settings of `Ascent` that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from foolscape.attacks import targets
from foolscape.attacks.ara_released import ReleasedAra
from foolscape.attacks.ascent import Ascent, AtMost, Stop, never
from foolscape.attacks.boxes import dense_adversary_strong
from foolscape.attacks.constraints import L2, Constraint, Linf, PixelRange
from foolscape.attacks.goals import DAG_UNTARGETED, Goal, goal_of, victim_of
from foolscape.attacks.hardness import Discovery, HardRegions
from foolscape.attacks.objectives import Objective, cross_entropy, dense_adversary, segpgd, towards
from foolscape.attacks.plan import Attack, Options, Plan, Scope, Window
from foolscape.attacks.updates import MaxAbs, Momentum, Sign, UnitL2, Update
from foolscape.errors import SettingError, unknown
from foolscape.pixels import Levels

NORMS = ("linf", "l2")
SUPERVISIONS = ("truth", "prediction")
DETECTORS_ALONE, CLIPS_ALONE = ("goal", "victim", "refresh"), ("window", "spread", "supervision")
HARDNESS_WIDTH, RELEASED_WIDTH = 32, 512
"""Hidden channels of ARA's network: ours, and the released one, which takes 250 times the work."""

BACKGROUND = "background"
"""The class that the released DAG leaves alone, where a model has a class of this name."""


def _levels(size: int | float | Fraction) -> Levels:
    return Levels(Fraction(size))


def _gradient_family(
    attack: Attack,
    options: Options,
    scope: Scope,
    *,
    update: Update,
    steps: int,
    part: Callable[[int], Fraction],
    random_start: bool = False,
    objective: Objective = cross_entropy,
) -> Plan:
    """Cross-entropy under a bound of 8/255: the family's members differ in the update, the step and the start.

    `part` is the size of a step as a part of eps, for a number of steps.
    """
    eps = options.eps or _levels(8)
    steps = options.steps or steps
    norm = options.norm or "linf"
    size = options.step or Levels(eps.levels * part(steps))
    stop: Stop = never if options.stop is None else AtMost(options.stop)
    targeted = scope.goal is not None and scope.goal.targeted
    return Plan(
        name=attack.name,
        variant=attack.variants[0],
        source=attack.source,
        ascent=Ascent(
            objective=towards if targeted else objective,
            update=UnitL2() if norm == "l2" else update,
            constraint=_bound(eps, norm),
            step=size.unit,
            steps=steps,
            stop=stop,
            random_start=random_start,
            rounded=bool(options.rounded),
            refresh=options.refresh,
        ),
        target=None,
        eps=eps,
        norm=norm,
        step=size,
        steps=steps,
        stop=options.stop,
        goal=scope.goal,
        victim=scope.victim,
    )


def _bound(eps: Levels, norm: str) -> Constraint:
    return L2(eps.unit) if norm == "l2" else Linf(eps.unit)


def _fgsm(attack: Attack, options: Options, scope: Scope) -> Plan:
    if options.steps not in (None, 1):
        raise SettingError(f"steps: fgsm takes one step, got {options.steps}; use pgd for more")
    return _gradient_family(attack, options, scope, update=Sign(), steps=1, part=lambda _: Fraction(1))


def _pgd(attack: Attack, options: Options, scope: Scope) -> Plan:
    part = Fraction(1, 4)
    return _gradient_family(attack, options, scope, update=Sign(), steps=20, part=lambda _: part, random_start=True)


def _mi_fgsm(attack: Attack, options: Options, scope: Scope) -> Plan:
    if options.norm == "l2":
        raise SettingError("norm: mi-fgsm steps along a sign and has no l2 form here; use --norm linf, or pgd")
    return _gradient_family(attack, options, scope, update=Momentum(), steps=10, part=lambda steps: Fraction(1, steps))


def _segpgd(attack: Attack, options: Options, scope: Scope) -> Plan:
    part = Fraction(1, 4)
    return _gradient_family(
        attack, options, scope, update=Sign(), steps=20, part=lambda _: part, random_start=True, objective=segpgd
    )


def _ara(attack: Attack, options: Options, scope: Scope) -> Plan:
    if options.norm == "l2":
        raise SettingError("norm: ara steps along a sign and has no l2 form; use --norm linf, or pgd")
    variant, part = options.variant or attack.variants[0], Fraction(1, 4)
    update = HardRegions(Discovery(HARDNESS_WIDTH), levelled=variant == "levelled")
    settled = _gradient_family(attack, options, scope, update=update, steps=20, part=lambda _: part, random_start=True)
    settled = replace(settled, variant=variant)
    if variant != "released":
        return settled
    if options.stop is not None or options.rounded:
        raise SettingError("stop, rounded: the released ara has neither; use --variant corrected")
    assert settled.eps is not None
    released = ReleasedAra(
        eps=settled.eps.unit, step=settled.step.unit, steps=settled.steps, discovery=Discovery(RELEASED_WIDTH)
    )
    # Its bound is about another image than the clean one, so only the pixel range holds for certain.
    return replace(settled, ascent=replace(settled.ascent, constraint=PixelRange()), released=released)


def _dag(attack: Attack, options: Options, scope: Scope) -> Plan:
    classes, released, detects = scope.classes, options.variant == "released", scope.goal is not None
    background = classes.index(BACKGROUND) if BACKGROUND in classes and not detects else None
    share = (0.01 if released and not detects else 0.0) if options.stop is None else options.stop
    step, steps = options.step or _levels(Fraction(1, 2)), options.steps or (150 if detects else 200)
    norm = (options.norm or "linf") if options.eps else None
    target = targets.absent(len(classes), background) if released else targets.permuted(len(classes))
    return Plan(
        name=attack.name,
        variant=options.variant or attack.variants[0],
        source=attack.source,
        ascent=Ascent(
            objective=_dag_objective(released, scope.goal),
            update=MaxAbs(),
            constraint=_bound(options.eps, norm) if options.eps and norm else PixelRange(),
            step=step.unit,
            steps=steps,
            stop=AtMost(share, background if released else None),
            rounded=options.rounded is not False,
            refresh=options.refresh,
        ),
        target=None if detects else target,
        eps=options.eps,
        norm=norm,
        step=step,
        steps=steps,
        stop=share,
        goal=scope.goal,
        victim=scope.victim,
    )


def _dag_objective(released: bool, goal: Goal | None) -> Objective:
    """The paper's for its own goal; a goal that names what each candidate is to be taken for is reached only then."""
    if goal is None:
        return towards if released else dense_adversary
    if released:
        return dense_adversary_strong
    return dense_adversary if goal is DAG_UNTARGETED else towards


CATALOG: tuple[Attack, ...] = (
    Attack(
        name="dag",
        summary="dense adversary generation: pushes every still-correct pixel to a permuted class; no bound by default",
        source="Xie et al., Adversarial Examples for Semantic Segmentation and Object Detection, ICCV 2017",
        variants=("paper", "released"),
        tasks=("segmentation", "detection"),
        build=_dag,
    ),
    Attack(
        name="fgsm",
        summary="one signed step of the cross-entropy gradient",
        source="Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015",
        variants=("paper",),
        build=_fgsm,
    ),
    Attack(
        name="pgd",
        summary="signed steps with projection from a random start",
        source="Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
        variants=("paper",),
        build=_pgd,
    ),
    Attack(
        name="mi-fgsm",
        summary="signed steps along an accumulated gradient",
        source="Dong et al., Boosting Adversarial Attacks with Momentum, CVPR 2018",
        variants=("paper",),
        build=_mi_fgsm,
    ),
    Attack(
        name="segpgd",
        summary="pgd that turns from pixels still right to those already wrong",
        source="Gu et al., SegPGD: An Effective and Efficient Adversarial Attack for Evaluating and Boosting "
        "Segmentation Robustness, ECCV 2022",
        variants=("paper",),
        tasks=("segmentation", "video"),
        build=_segpgd,
    ),
    Attack(
        name="ara",
        summary="first frame of a clip: pgd with longer steps where a network learns that the frame is fragile",
        source="Li et al., Adversarial Attacks on Video Object Segmentation with Hard Region Discovery, TCSVT 2024",
        variants=("corrected", "released", "levelled"),
        tasks=("video",),
        build=_ara,
    ),
)

NONE = "none"
"""The name under which a run measures the clean model alone."""


def plan(name: str, options: Options, classes: tuple[str, ...]) -> Plan:
    """The attack called `name`, settled for a segmentation model with these class names.

    Raises:
        UnknownNameError: no such attack, variant or norm.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, DETECTORS_ALONE, "detectors", "segmentation")
    _refuse(options, CLIPS_ALONE, "clips", "segmentation")
    return _settle(name, options, Scope("segmentation", classes))


def plan_detection(name: str, options: Options, classes: tuple[str, ...]) -> Plan:
    """The attack called `name`, settled for a detector of these classes; by default it is untargeted.

    Raises:
        UnknownNameError: no such attack, variant, norm, goal or class.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, CLIPS_ALONE, "clips", "detection")
    is_dag = name == "dag"
    goal = goal_of(options.goal or "untargeted")
    if is_dag and options.variant == "released" and goal.name == "fabricate":
        raise SettingError("goal: the released dag leaves what is background alone and cannot fabricate; use paper")
    if goal.name == "mislabel" and len(classes) < 2:
        raise SettingError(f"goal: expected a model of several classes to mislabel, got {classes[0]} alone; use vanish")
    if is_dag and not goal.targeted:
        goal = DAG_UNTARGETED
    if options.refresh is not None and options.refresh < 1:
        raise SettingError(f"refresh: expected a number of steps of at least 1, got {options.refresh}")
    return _settle(name, options, Scope("detection", classes, goal, victim_of(options.victim, classes)))


def plan_video(name: str, options: Options) -> Plan:
    """The attack called `name`, settled for a tracker: on the first frame of a clip, seen through a window of frames.

    Raises:
        UnknownNameError: no such attack, variant, norm or supervision.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, DETECTORS_ALONE, "detectors", "video")
    settled = _settle(name, options, Scope("video", ()))
    frames, supervision = options.window or 3, options.supervision or SUPERVISIONS[0]
    if options.window is not None and options.window < 2:
        raise SettingError(f"window: expected the first frame and at least one more, got {options.window}")
    if supervision not in SUPERVISIONS:
        raise unknown("supervision", supervision, SUPERVISIONS)
    if options.variant == "released" and (frames != 3 or options.spread):
        raise SettingError("window: the released ara looks at the first three frames; leave window and spread out")
    return replace(settled, window=Window(frames, bool(options.spread), supervision == SUPERVISIONS[0]))


def _refuse(options: Options, names: tuple[str, ...], whose: str, task: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise SettingError(f"{name}: is for {whose}, got {getattr(options, name)!r} for {task}")


def _settle(name: str, options: Options, scope: Scope) -> Plan:
    by_name = {attack.name: attack for attack in CATALOG}
    if name not in by_name:
        raise unknown("attack", name, [*by_name, NONE])
    attack = by_name[name]
    if scope.task not in attack.tasks:
        able = ", ".join(other.name for other in CATALOG if scope.task in other.tasks)
        raise SettingError(f"attack: {name} is for {' and '.join(attack.tasks)}, got {scope.task}; use one of {able}")
    if options.variant is not None and options.variant not in attack.variants:
        raise unknown(f"variant of {name}", options.variant, attack.variants)
    if options.norm is not None and options.norm not in NORMS:
        raise unknown("norm", options.norm, NORMS)
    if options.steps is not None and options.steps < 1:
        raise SettingError(f"steps: expected at least 1, got {options.steps}")
    if options.stop is not None and not 0 <= options.stop < 1:
        raise SettingError(f"stop: expected a share of the pixels of at least 0 and below 1, got {options.stop}")
    return attack.build(attack, options, scope)
