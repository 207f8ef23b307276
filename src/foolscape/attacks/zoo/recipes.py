"""The attacks as settings of `Ascent`: what each entry of the catalog builds from a user's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from foolscape.attacks.engine.ascent import Ascent, AtMost, Stop, never
from foolscape.attacks.parts import targets
from foolscape.attacks.parts.constraints import L2, Constraint, Linf, PixelRange
from foolscape.attacks.parts.goals import DAG_UNTARGETED, Goal
from foolscape.attacks.parts.nms_objective import dense_adversary_strong
from foolscape.attacks.parts.objective_table import objective_of
from foolscape.attacks.parts.objectives import Objective, dense_adversary, towards
from foolscape.attacks.parts.transforms import transforms_of
from foolscape.attacks.parts.updates import Annealed, MaxAbs, Momentum, Sign, UnitL2, Update
from foolscape.attacks.plan import Attack, Options, Plan, Scope
from foolscape.attacks.zoo.ara import Discovery, HardRegions
from foolscape.attacks.zoo.ara_released import ReleasedAra
from foolscape.attacks.zoo.square import Square
from foolscape.errors import SettingError
from foolscape.pixels import Levels

HARDNESS_WIDTH, RELEASED_WIDTH = 32, 512
"""Hidden channels of ARA's network: ours, and the released one, which takes 250 times the work."""

SQUARES = 0.8
"""The share of the pixels that Square's first squares cover."""

BACKGROUND = "background"
"""The class that the released DAG leaves alone, where a model has a class of this name."""


def _levels(size: int | float | Fraction) -> Levels:
    return Levels(Fraction(size))


def gradient_family(
    attack: Attack,
    options: Options,
    scope: Scope,
    *,
    update: Update,
    steps: int,
    part: Callable[[int], Fraction],
    random_start: bool = False,
    objective: str = "ce",
) -> Plan:
    """An objective under a bound of 8/255: the family's members differ in the update, the step and the start.

    `objective` is the member's own, for a user who names none; `part` the size of a step as a part of eps, for a number
    of steps.
    """
    eps = options.eps or _levels(8)
    steps = options.steps or steps
    norm = options.norm or "linf"
    size = options.step or Levels(eps.levels * part(steps))
    stop: Stop = never if options.stop is None else AtMost(options.stop)
    targeted = scope.goal is not None and scope.goal.targeted
    named = options.objective or objective
    return Plan(
        name=attack.name,
        variant=attack.variants[0],
        source=attack.source,
        ascent=Ascent(
            objective=towards if targeted else objective_of(named, scope.task, scope.channels),
            update=UnitL2() if norm == "l2" else update,
            constraint=_bound(eps, norm),
            step=size.unit,
            steps=steps,
            stop=stop,
            random_start=random_start,
            rounded=bool(options.rounded),
            refresh=options.refresh,
            boost=None if options.boost is None else transforms_of(options.boost, eps.unit),
        ),
        target=None,
        eps=eps,
        norm=norm,
        step=size,
        steps=steps,
        stop=options.stop,
        objective=None if targeted else named,
        boost=options.boost,
        goal=scope.goal,
        victim=scope.victim,
    )


def _bound(eps: Levels, norm: str) -> Constraint:
    return L2(eps.unit) if norm == "l2" else Linf(eps.unit)


def fgsm(attack: Attack, options: Options, scope: Scope) -> Plan:
    """One step as long as the bound."""
    if options.steps not in (None, 1):
        raise SettingError(f"steps: fgsm takes one step, got {options.steps}; use pgd for more")
    return gradient_family(attack, options, scope, update=Sign(), steps=1, part=lambda _: Fraction(1))


def pgd(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Steps of a quarter of the bound from a random start."""
    part = Fraction(1, 4)
    return gradient_family(attack, options, scope, update=Sign(), steps=20, part=lambda _: part, random_start=True)


def mi_fgsm(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Steps along the accumulated gradient that add up to the bound."""
    if options.norm == "l2":
        raise SettingError("norm: mi-fgsm steps along a sign and has no l2 form here; use --norm linf, or pgd")
    return gradient_family(attack, options, scope, update=Momentum(), steps=10, part=lambda steps: Fraction(1, steps))


def annealed(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Steps of `Annealed`, the first as long as the bound, from a random start."""
    if options.norm == "l2":
        raise SettingError("norm: annealed steps along a sign and has no l2 form here; use --norm linf, or pgd")
    steps, whole = options.steps or 20, Fraction(1)
    update = Annealed(steps)
    return gradient_family(attack, options, scope, update=update, steps=steps, part=lambda _: whole, random_start=True)


def square(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Random squares under a bound in Linf: `steps` are queries; done when no target is left."""
    if options.norm == "l2":
        raise SettingError("norm: square changes pixels by the whole bound and has no l2 form here; use --norm linf")
    if options.step is not None or options.refresh is not None:
        raise SettingError("step, refresh: square takes the whole bound, and compares its steps; use --steps alone")
    queries = options.steps or 1000
    options = replace(options, stop=0.0 if options.stop is None else options.stop)
    update, twice = Square(queries, SQUARES), Fraction(2)
    settled = gradient_family(
        attack, options, scope, update=update, steps=queries, part=lambda _: twice, objective="margin"
    )
    return replace(settled, ascent=replace(settled.ascent, blind=True))


def segpgd(attack: Attack, options: Options, scope: Scope) -> Plan:
    """PGD with the objective of the same name."""
    part = Fraction(1, 4)
    return gradient_family(
        attack,
        options,
        scope,
        update=Sign(),
        steps=20,
        part=lambda _: part,
        random_start=True,
        objective="segpgd",
    )


def ara(attack: Attack, options: Options, scope: Scope) -> Plan:
    """PGD whose steps `HardRegions` lengthens; or the released code."""
    if options.norm == "l2":
        raise SettingError("norm: ara steps along a sign and has no l2 form; use --norm linf, or pgd")
    variant, part = options.variant or attack.variants[0], Fraction(1, 4)
    update = HardRegions(Discovery(HARDNESS_WIDTH), levelled=variant == "levelled")
    settled = gradient_family(attack, options, scope, update=update, steps=20, part=lambda _: part, random_start=True)
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
    return replace(settled, ascent=replace(settled.ascent, constraint=PixelRange()), runner=released)


def dag(attack: Attack, options: Options, scope: Scope) -> Plan:
    """Raw gradients over the targets still right, without a bound unless one is given."""
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
