"""The attacks by name: what a user writes, and the settings of `Ascent` that it stands for."""

from __future__ import annotations

from dataclasses import replace

from foolscape.attacks.parts.goals import DAG_UNTARGETED, goal_of, victim_of
from foolscape.attacks.parts.transforms import transforms_of
from foolscape.attacks.plan import AGAINST, SAMPLINGS, Attack, Options, Plan, Scope, Window
from foolscape.attacks.zoo import minimum, recipes, strong
from foolscape.errors import SettingError, unknown

NORMS = ("linf", "l2")
SUPERVISIONS = ("truth", "prediction")
DETECTORS_ALONE, CLIPS_ALONE = ("goal", "victim", "refresh"), ("window", "sampling", "supervision", "against")

CATALOG: tuple[Attack, ...] = (
    Attack(
        name="dag",
        summary="dense adversary generation: pushes every still-correct pixel to a permuted class; no bound by default",
        source="Xie et al., Adversarial Examples for Semantic Segmentation and Object Detection, ICCV 2017",
        variants=("paper", "released"),
        tasks=("segmentation", "detection"),
        build=recipes.dag,
    ),
    Attack(
        name="fgsm",
        summary="one signed step of the cross-entropy gradient",
        source="Goodfellow et al., Explaining and Harnessing Adversarial Examples, ICLR 2015",
        variants=("paper",),
        chooses=True,
        boosts=True,
        build=recipes.fgsm,
    ),
    Attack(
        name="pgd",
        summary="signed steps with projection from a random start",
        source="Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
        variants=("paper",),
        chooses=True,
        boosts=True,
        build=recipes.pgd,
    ),
    Attack(
        name="mi-fgsm",
        summary="signed steps along an accumulated gradient",
        source="Dong et al., Boosting Adversarial Attacks with Momentum, CVPR 2018",
        variants=("paper",),
        chooses=True,
        boosts=True,
        build=recipes.mi_fgsm,
    ),
    Attack(
        name="apgd",
        summary="pgd with momentum whose steps halve by themselves and return to the best iterate",
        source="Croce and Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse "
        "Parameter-free Attacks, ICML 2020",
        variants=("paper",),
        chooses=True,
        boosts=True,
        build=strong.apgd,
    ),
    Attack(
        name="worst-case",
        summary="several objectives, each from the best image found before, under one budget of gradients",
        source="after SEA: Croce, Singh, Hein, Towards Reliable Evaluation and Fast Training of Robust Semantic "
        "Segmentation Models, ECCV 2024",
        variants=("default",),
        against="objects",
        build=strong.worst_case,
    ),
    Attack(
        name="segpgd",
        summary="pgd that turns from pixels still right to those already wrong",
        source="Gu et al., SegPGD: An Effective and Efficient Adversarial Attack for Evaluating and Boosting "
        "Segmentation Robustness, ECCV 2022",
        variants=("paper",),
        tasks=("segmentation", "video"),
        boosts=True,
        build=recipes.segpgd,
    ),
    Attack(
        name="annealed",
        summary="pgd with momentum and shrinking steps; on clips against the objects, seen at random frames",
        source="foolscape; momentum of Dong et al., CVPR 2018",
        variants=("default",),
        sampling="random",
        against="objects",
        chooses=True,
        boosts=True,
        build=recipes.annealed,
    ),
    Attack(
        name="square",
        summary="random squares of the largest change, kept by the scores alone: no gradient, one query a step",
        source="Andriushchenko et al., Square Attack: a Query-efficient Black-box Adversarial Attack via Random "
        "Search, ECCV 2020",
        variants=("paper",),
        build=recipes.square,
    ),
    Attack(
        name="dag-min",
        summary="the smallest bound at which dag fools an image, by doubling and bisecting it",
        source="foolscape; steps of Xie et al., ICCV 2017",
        variants=("default",),
        tasks=("segmentation", "detection"),
        build=minimum.dag_min,
    ),
    Attack(
        name="pgd-min",
        summary="the same with signed steps and momentum: usually much smaller than what dag-min finds",
        source="foolscape; steps of Madry et al., ICLR 2018, and Dong et al., CVPR 2018",
        variants=("default",),
        tasks=("segmentation", "detection"),
        chooses=True,
        build=minimum.pgd_min,
    ),
    Attack(
        name="alma-prox",
        summary="the smallest change that fools 99 % of the pixels, by multipliers per pixel and a proximal step",
        source="after Rony et al., Proximal Splitting Adversarial Attack for Semantic Segmentation, CVPR 2023",
        variants=("default",),
        tasks=("segmentation",),
        build=minimum.alma_prox,
    ),
    Attack(
        name="ara",
        summary="first frame of a clip: pgd with longer steps where a network learns that the frame is fragile",
        source="Li et al., Adversarial Attacks on Video Object Segmentation with Hard Region Discovery, TCSVT 2024",
        variants=("corrected", "released", "levelled"),
        tasks=("video",),
        build=recipes.ara,
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
    is_dag = name in ("dag", "dag-min")
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
        UnknownNameError: no such attack, variant, norm, sampling, supervision or part of the frames.
        SettingError: a setting does not fit the attack.
    """
    _refuse(options, DETECTORS_ALONE, "detectors", "video")
    settled = _settle(name, options, Scope("video", ()))
    frames, supervision = options.window or 3, options.supervision or SUPERVISIONS[0]
    if options.window is not None and options.window < 2:
        raise SettingError(f"window: expected the first frame and at least one more, got {options.window}")
    if supervision not in SUPERVISIONS:
        raise unknown("supervision", supervision, SUPERVISIONS)
    attack = next(attack for attack in CATALOG if attack.name == name)
    sampling, against = options.sampling or attack.sampling, options.against or attack.against
    for what, value, known in (("sampling", sampling, SAMPLINGS), ("against", against, AGAINST)):
        if value not in known:
            raise unknown(what, value, known)
    if options.variant == "released" and (frames, sampling, against) != (3, "first", "all"):
        raise SettingError(
            "window: the released ara looks at all of the first three frames; leave window, sampling and against out"
        )
    if sampling == "random" and name in ("apgd", "worst-case", "square"):
        raise SettingError(
            f"sampling: {name} compares its steps with each other, which random frames forbid; use spread"
        )
    # Other frames at every step: as a detector's candidates are found anew.
    ascent = replace(settled.ascent, refresh=1) if sampling == "random" else settled.ascent
    return replace(
        settled, ascent=ascent, window=Window(frames, sampling, supervision == SUPERVISIONS[0], against == AGAINST[1])
    )


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
    _check_owned(attack, options, scope)
    if options.steps is not None and options.steps < 1:
        raise SettingError(f"steps: expected at least 1, got {options.steps}")
    if options.stop is not None and not 0 <= options.stop < 1:
        raise SettingError(f"stop: expected a share of the pixels of at least 0 and below 1, got {options.stop}")
    return attack.build(attack, options, scope)


def _check_owned(attack: Attack, options: Options, scope: Scope) -> None:
    """Refuse settings that only some attacks have."""
    if options.objective is not None:
        _check_objective(attack, options.objective, scope)
    if options.boost is not None:
        _check_boost(attack, options, scope)
    for setting, owners in (("schedule", ("apgd", "worst-case")), ("budget", ("worst-case",))):
        given = getattr(options, setting)
        if given is not None and attack.name not in owners:
            raise SettingError(f"{setting}: is for {' and '.join(owners)}, got {given} for {attack.name}")


def _check_objective(attack: Attack, objective: str, scope: Scope) -> None:
    if not attack.chooses:
        able = ", ".join(other.name for other in CATALOG if other.chooses and scope.task in other.tasks)
        raise SettingError(f"objective: {attack.name} has its own, got {objective}; use one of {able}")
    if scope.goal is not None and scope.goal.targeted:
        raise SettingError(f"objective: goal {scope.goal.name} has its own, got {objective}; use untargeted")


def _check_boost(attack: Attack, options: Options, scope: Scope) -> None:
    assert options.boost is not None
    if not attack.boosts:
        able = ", ".join(other.name for other in CATALOG if other.boosts and scope.task in other.tasks)
        raise SettingError(f"boost: is for attacks that follow gradients step by step, got {attack.name}; use {able}")
    boost = transforms_of(options.boost, 0.0)
    if boost.diverse and scope.task != "segmentation":
        raise SettingError(
            f"boost: di moves the image under what a network for {scope.task} looks at in fixed places; use ti, si, vt"
        )
    if boost.neighbours and options.norm == "l2":
        raise SettingError("boost: vt looks around in a cube of 1.5 eps and has no l2 form; use --norm linf")
    if boost.neighbours and attack.name == "fgsm":
        raise SettingError("boost: vt corrects the next step, and fgsm takes one alone; use mi-fgsm")
