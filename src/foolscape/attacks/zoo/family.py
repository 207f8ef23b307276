"""What the attacks under a bound have in common: an objective, and members that differ in update, step and start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from foolscape.attacks.engine.ascent import Ascent, AtMost, Stop, never
from foolscape.attacks.parts.constraints import L2, Constraint, Linf
from foolscape.attacks.parts.objective_table import objective_of
from foolscape.attacks.parts.objectives import towards
from foolscape.attacks.parts.transforms import transforms_of
from foolscape.attacks.parts.updates import UnitL2, Update
from foolscape.attacks.plan import Plan, Scope
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.tasks.base import SEGMENTATION


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """The options of a member, resolved; see `zoo.options`.

    Attributes:
        loss: what the user named; None: `own`.
        own: what the member makes large by itself.
    """

    eps: Levels
    steps: int
    norm: str = "linf"
    step: Levels | None = None
    stop: float | None = None
    loss: str | None = None
    own: str = "ce"
    transforms: str | None = None
    quantise_steps: bool = False
    resample_candidates: int | None = None


def bounded(
    scope: Scope,
    options: Bounded,
    *,
    update: Update,
    part: Callable[[int], Fraction],
    random_start: bool = False,
) -> Plan:
    """The plan of a member.

    Args:
        scope: what it is for.
        options: of the user.
        update: how a gradient becomes a direction; under l2 that is along the gradient.
        part: the size of a step as a part of eps, for a number of steps.
        random_start: see `Ascent`.
    """
    size = options.step or Levels(options.eps.levels * part(options.steps))
    stop: Stop = never if options.stop is None else AtMost(options.stop)
    targeted = scope.goal is not None and scope.goal.targeted
    if options.loss is not None and scope.goal is not None and targeted:
        raise SettingError(f"loss: goal {scope.goal.name} has its own, got {options.loss}; use untargeted")
    if options.transforms is not None:
        _check_transforms(options.transforms, options.norm, scope)
    named = options.loss or options.own
    return Plan(
        ascent=Ascent(
            objective=towards if targeted else objective_of(named, scope.task, scope.channels),
            update=UnitL2() if options.norm == "l2" else update,
            constraint=within(options.eps, options.norm),
            step=size.unit,
            steps=options.steps,
            stop=stop,
            random_start=random_start,
            quantise_steps=options.quantise_steps,
            resample_targets=options.resample_candidates,
            transforms=None if options.transforms is None else transforms_of(options.transforms, options.eps.unit),
        ),
        target=None,
        eps=options.eps,
        norm=options.norm,
        step=size,
        steps=options.steps,
        stop=options.stop,
        loss=None if targeted else named,
        transforms=options.transforms,
        goal=scope.goal,
        only_class=scope.only_class,
        window=scope.window,
    )


def within(eps: Levels, norm: str) -> Constraint:
    """The constraint of a bound."""
    return L2(eps.unit) if norm == "l2" else Linf(eps.unit)


def refuse_l2(norm: str, attack: str) -> None:
    """Raise `SettingError` for an attack that steps along a sign."""
    if norm == "l2":
        raise SettingError(f"norm: {attack} steps along a sign and has no l2 form here; use --norm linf, or pgd")


def _check_transforms(text: str, norm: str, scope: Scope) -> None:
    transforms = transforms_of(text, 0.0)
    if transforms.diverse and scope.task != SEGMENTATION:
        raise SettingError(
            f"transforms: di moves the image under what a network for {scope.task.name} looks at in fixed places; use "
            "ti, si, vt"
        )
    if transforms.neighbours and norm == "l2":
        raise SettingError("transforms: vt looks around in a cube of 1.5 eps and has no l2 form; use --norm linf")
