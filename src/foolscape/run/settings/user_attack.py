"""Attacks and losses that do not come with foolscape: `mine.py:my_attack`, `package.module:my_attack`, or a plug-in's.

A plug-in declares entry points `foolscape.attacks` or `foolscape.objectives`: the name, and the function.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from foolscape.attacks.catalog import register  # with it, the names of our own attacks are taken
from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.parts.constraints import Constraint
from foolscape.attacks.parts.objective_table import OBJECTIVES, Named
from foolscape.attacks.parts.objectives import Objective, ObjectiveValue
from foolscape.attacks.parts.updates import State, StepContext, Update
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import REGISTRY, Attack
from foolscape.errors import ModelError, SettingError
from foolscape.models.common.file import imported
from foolscape.models.common.guard import guarded
from foolscape.models.common.source_files import closure
from foolscape.paths import path_of, real
from foolscape.problem import Problem
from foolscape.spec import ATTACKS_GROUP, OBJECTIVES_GROUP, plugins


def enter_attack(name: str) -> None:
    """See to it that the attack `name` is in the registry, if it is a user's or a plug-in's; else do nothing.

    Raises:
        SettingError: no such file or function, or one that is no attack.
        ModelError: importing it failed.
    """
    if name in REGISTRY:
        return
    attack = _imported(name, ATTACKS_GROUP)
    if attack is None:
        return
    if isinstance(attack, Attack):
        REGISTRY[name] = replace(attack, build=_guarded_attack(name, attack.build))
    elif inspect.isfunction(attack):
        register(name, source=name, form="default")(_guarded_attack(name, attack))
    else:
        raise SettingError(
            f"attack: expected {name} to be a keyword function that returns an Ascent, got {type(attack).__name__}; "
            "write def my_attack(*, steps: int = 20): return Ascent(..)"
        )


def enter_objective(name: str) -> None:
    """The same for a loss: a function (scores, problem, progress) -> ObjectiveValue, see `attacks.parts.objectives`."""
    if name in OBJECTIVES:
        return
    objective = _imported(name, OBJECTIVES_GROUP)
    if objective is None:
        return
    if not callable(objective):
        raise SettingError(f"loss: expected {name} to be a function, got {type(objective).__name__}")
    OBJECTIVES[name] = Named(_guarded_loss(name, objective))


def sources_of(*names: object) -> dict[str, str]:
    """By name, what the files hold that users' attacks and losses come from, as one SHA-256 each."""
    return {name: _digest(name.rpartition(":")[0]) for name in names if isinstance(name, str) and _is_file(name)}


def _digest(place: str) -> str:
    path = real(path_of(place))
    files = closure([path], path.parent)
    return hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()


def _imported(name: str, group: str) -> object | None:
    """What `name` stands for; None where it is neither a file's nor a module's nor a plug-in's."""
    place, colon, function = name.rpartition(":")
    if colon:
        return imported(place, function)
    point = plugins(group).get(name)
    if point is None:
        return None
    with guarded(f"loading the plug-in {name}"):
        loaded: object = point.load()
        return loaded


def _is_file(name: str) -> bool:
    return name.rpartition(":")[0].endswith(".py")


@dataclass(frozen=True)
class _GuardedUpdate(Update):
    """An update with what it raises told in words.

    Attributes:
        update: it.
        what: what is said not to have succeeded.
    """

    update: Update
    what: str

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """Its own."""
        with guarded(self.what):
            return self.update.start(problem, generators)

    def target_weights(
        self, objective: ObjectiveValue, taken: tuple[int, ...], state: State
    ) -> tuple[Tensor | None, State]:
        """Its own."""
        with guarded(self.what):
            return self.update.target_weights(objective, taken, state)

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """Its own."""
        with guarded(self.what):
            return self.update.step(context, constraint, step, state)


def _guarded_attack(name: str, build: Callable[..., Any]) -> Callable[..., Any]:
    """`build` with what it, or the update that it chooses, raises told in words."""
    what = f"the attack {name}"

    @wraps(build)
    def guarded_build(*scope: object, **options: object) -> Any:
        with guarded(what):
            returned = build(*scope, **options)
        if isinstance(returned, Ascent):
            _check_steps(name, returned)
            return replace(returned, update=_GuardedUpdate(returned.update, what))
        if isinstance(returned, Plan):
            return replace(
                returned, ascent=replace(returned.ascent, update=_GuardedUpdate(returned.ascent.update, what))
            )
        return returned

    return guarded_build


def _check_steps(name: str, ascent: Ascent) -> None:
    """`SettingError` for an ascent whose steps are no numbers: nothing else of it can be looked at before it runs."""
    for what, value, right, words in (
        ("step", ascent.step, isinstance(ascent.step, int | float) and 0 < ascent.step <= 1, "above 0 and up to 1"),
        ("steps", ascent.steps, isinstance(ascent.steps, int) and ascent.steps >= 1, "a whole number from 1 on"),
    ):
        if not right:
            raise SettingError(
                f"attack: expected {name} to return an Ascent whose {what} is {words}, got {value!r}; a bound of 8/255 "
                "is eps.unit where eps is a foolscape.Levels"
            )


def _guarded_loss(name: str, function: Callable[..., object]) -> Objective:
    """`function` with what it raises, or returns wrongly, told in words."""

    def objective(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        with guarded(f"the loss {name}"):
            returned = function(scores, problem, progress)
        shape = tuple(problem.labels.shape)
        if not isinstance(returned, ObjectiveValue) or tuple(returned.value.shape) != shape:
            got = tuple(returned.value.shape) if isinstance(returned, ObjectiveValue) else type(returned).__name__
            raise ModelError(f"loss: expected {name} to return an ObjectiveValue of shape {shape}, got {got}")
        return returned

    return objective
