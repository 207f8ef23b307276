"""Goals of attacks on detectors: which candidates are attacked, and the class that each should be predicted as.

Goals after Chow et al. (2020, TOG) and, for mislabelling by a permutation, Xie et al. (2017, DAG). Each sees one image:
the candidates' labels, where the background is the last channel, and their scores on the clean image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.attacks.parts.targets import derangement
from foolscape.errors import SettingError, unknown
from foolscape.problem import IGNORE, likeliest
from foolscape.sending import sent

POSITIVE = 0.1
"""DAG's rule: a candidate belongs to an object that it overlaps by more than this and scores by more than this."""


@dataclass(frozen=True)
class Aim:
    """What an attack does with the candidates of one image.

    Attributes:
        labels: (1, N) int64, what each candidate is; `IGNORE` where the attack ignores it.
        target: (1, N) int64, what it is to be taken for; None: anything else.
    """

    labels: Tensor
    target: Tensor | None


@dataclass(frozen=True)
class Goal:
    """A goal by name.

    Attributes:
        name: untargeted, mislabel, vanish, vanish-only or fabricate.
        floor: added to the background's score while the attack runs, as log-odds. A candidate is lost to the background
            when no class has more than `POSITIVE` of the odds, not when none has half of them: detectors are scored
            far below one half. A box that is to be found as something must win against the background itself.
        targeted: whether it names the class that each candidate is to be taken for.
        rule: (labels (1, N), scores (1, C + 1, N) with the floor, only class to attack or None, generator) -> `Aim`.
    """

    name: str
    floor: float
    targeted: bool
    rule: Callable[[Tensor, Tensor, int | None, torch.Generator], Aim]

    def aim(self, labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
        """What to do with the candidates of one image.

        Args:
            labels: (1, N) int64, what each is, the background as class C.
            scores: (1, C + 1, N) on the clean image.
            only_class: the one class to attack, if any.
            generator: of what is drawn.
        """
        lifted = torch.cat([scores[:, :-1], scores[:, -1:] + self.floor], dim=1)
        return self.rule(labels, lifted, only_class, generator)


def _untargeted(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    del generator
    return Aim(_objects(labels, scores, only_class), None)


def _mislabel(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    permutation = sent(derangement(scores.shape[1] - 1, generator), labels.device)
    return _change(labels, scores, only_class, permutation[_objects(labels, scores, None).clamp(min=0)])


def _push(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    """As `_mislabel`; a detector of one class has no other, and its objects are pushed towards the background."""
    return (_mislabel if scores.shape[1] > 2 else _vanish)(labels, scores, only_class, generator)


def _vanish(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    del generator
    return _change(labels, scores, only_class, torch.full_like(labels, scores.shape[1] - 1))


def _vanish_only(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    """As `_vanish`; and where no object was seen, none is to appear. TOG's vanishing does so for a whole image."""
    aim, background = _vanish(labels, scores, only_class, generator), scores.shape[1] - 1
    quiet = (labels == background) & (likeliest(scores) == background)
    quiet &= (aim.labels != IGNORE).any()
    held = torch.where(quiet, labels, aim.labels)
    assert aim.target is not None
    return Aim(held, torch.where(quiet, labels, aim.target))


def _fabricate(labels: Tensor, scores: Tensor, only_class: int | None, generator: torch.Generator) -> Aim:
    """Every background candidate becomes the object class it is likeliest to be, or the class `only_class`."""
    del generator
    background = scores.shape[1] - 1
    nearest = likeliest(scores[:, :-1])
    wanted = nearest if only_class is None else torch.full_like(nearest, only_class)
    empty = labels == background
    return Aim(torch.where(empty, labels, IGNORE), torch.where(empty, wanted, IGNORE))


def _objects(labels: Tensor, scores: Tensor, only_class: int | None) -> Tensor:
    """`labels` without the background, and without other classes than `only_class` if there is one."""
    background = scores.shape[1] - 1
    touched = (labels != background) if only_class is None else (labels == only_class)
    return torch.where(touched, labels, IGNORE)


def _change(labels: Tensor, scores: Tensor, only_class: int | None, wanted: Tensor) -> Aim:
    """Objects become `wanted`; with `only_class` only those of its class do, and the other objects are to stay."""
    objects = _objects(labels, scores, None)
    if only_class is None:
        return Aim(objects, torch.where(objects != IGNORE, wanted, IGNORE))
    hunted = labels == only_class
    # What is to stay must hold now: a weak bystander is left alone, not made stronger.
    holds = (objects != IGNORE) & (likeliest(scores) == labels)
    # With nothing to attack the image stays as it is.
    compared = torch.where((hunted | holds) & hunted.any(), labels, IGNORE)
    return Aim(compared, torch.where(hunted, wanted, compared))


FLOOR = math.log(POSITIVE / (1 - POSITIVE))

GOALS: tuple[Goal, ...] = (
    Goal("untargeted", FLOOR, False, _untargeted),
    Goal("mislabel", 0.0, True, _mislabel),
    Goal("vanish", FLOOR, True, _vanish),
    Goal("vanish-only", FLOOR, True, _vanish_only),
    Goal("fabricate", 0.0, True, _fabricate),
)

DAG_UNTARGETED = Goal("untargeted", FLOOR, True, _push)
"""DAG's own goal: every object has an adversarial label to be pushed towards, and is done once it has lost its own."""


def goal_of(name: str) -> Goal:
    """The goal called `name`; raises `UnknownNameError`."""
    for goal in GOALS:
        if goal.name == name:
            return goal
    raise unknown("goal", name, [goal.name for goal in GOALS])


def only_class_of(name: str | None, classes: tuple[str, ...]) -> int | None:
    """The index of the class that alone is attacked; raises `UnknownNameError` for a class the model does not have."""
    if name is None:
        return None
    if name not in classes:
        raise unknown("class", name, classes)
    if len(classes) < 2:
        raise SettingError(f"only_class: expected a model of several classes, got {classes[0]} alone; leave it out")
    return classes.index(name)
