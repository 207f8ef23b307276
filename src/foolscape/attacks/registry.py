"""The attacks by name: each is a keyword function whose signature is the only statement of its options.

`@register("pgd", source="...")` enters one. What the command line, YAML, `run.json`, the lists and the errors say of an
option - its name, type, default and help - is read from that signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final, get_type_hints

from foolscape.attacks.calling import called, described, signature_of
from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.names import TASK_OPTIONS
from foolscape.attacks.parts.constraints import L2, Constraint, Linf
from foolscape.attacks.parts.goals import Goal
from foolscape.attacks.plan import ATTACK_PIXELS, SAMPLINGS, Plan, Scope
from foolscape.errors import SettingError, unknown
from foolscape.option import Option, option_of
from foolscape.pixels import Levels
from foolscape.spec import written
from foolscape.tasks.base import TASKS, task_named

Settings = Mapping[str, object]
"""Options by name, as text or as values; those that are None count as not given."""

COMPARES: Final = {"resample_candidates": "compares its steps with each other, which new candidates forbid"}
"""Why an attack has no such option, see `Attack.without`."""

Builder = Callable[..., Ascent | Plan]
"""(scope, where it takes one; options as keywords) -> what the attack does. Raises SettingError."""


@dataclass(frozen=True, repr=False)
class Attack:
    """A registered attack; called with options by name it gives a `Recipe`.

    It has the name, the signature and the docstring of its function, for `help` and for editors.

    Attributes:
        name, source: what it is called, and the paper it is after.
        summary: the first line of its function's docstring.
        build: the function.
        options: of its signature, by name.
        tasks: that it is for.
        form: which published form it has, where there is no choice.
        strength: by which a run that names no attack takes one, the largest first; None: never.
        algorithm: a number that is raised in the commit in which its results change.
        compares: it compares its steps with each other, so that its targets must stay the same.
        sampling, attack_pixels: the defaults for a clip.
        untargeted: the goal in the place of a detector's untargeted one.
        without: why it does not have an option that others have, as the rest of a sentence that begins with its name.
        title: as its paper writes it; empty for its name.
        own_steps: its steps are by design longer than the bound at first, or shrink by themselves.
    """

    name: str
    source: str
    summary: str
    build: Builder
    options: Mapping[str, Option]
    tasks: tuple[str, ...] = tuple(TASKS)
    form: str = "paper"
    strength: int | None = None
    algorithm: int = 1
    compares: bool = False
    sampling: str = SAMPLINGS[0]
    attack_pixels: str = ATTACK_PIXELS[0]
    untargeted: Goal | None = None
    without: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    own_steps: bool = False

    def __post_init__(self) -> None:
        # Not through setattr, which a frozen record refuses; none of it is a field.
        self.__dict__.update(
            __name__=getattr(self.build, "__name__", self.name),
            __module__=self.build.__module__,
            __doc__=described(self),
            __signature__=signature_of(self.options),
        )

    def __repr__(self) -> str:
        return f"<Attack {self.name}>"

    @property
    def variants(self) -> tuple[str, ...]:
        """Its published forms; the first unless the user says otherwise."""
        option = self.options.get("variant")
        return (self.form,) if option is None else option.choices

    def __call__(self, *unnamed: object, **options: object) -> Recipe:
        """The attack with these options; raises SettingError for one that it does not have, or a value that is none."""
        if unnamed:
            raise SettingError(
                f"{self.name}: expected its options by name, got {', '.join(map(repr, unnamed))} without; write "
                f"{called(self, unnamed, options)}"
            )
        return Recipe(self, MappingProxyType(self.values(options)))

    def values(self, settings: Settings) -> dict[str, object]:
        """The options that are given, as values."""
        values = {}
        for name, value in settings.items():
            if name in TASK_OPTIONS and name not in self.options:
                raise SettingError(
                    f"{name}: expected it beside the attack, got it in {self.name}; write "
                    f'options={{"{name}": {value!r}}} in the call'
                )
            if name not in self.options:
                raise unknown(f"option of {self.name}", name, self.options)
            if value is not None:
                values[name] = self.options[name].value(value)
        return values


@dataclass(frozen=True)
class Recipe:
    """An attack with its options, not yet planned for a model: what `pgd(eps="8/255")` gives.

    Attributes:
        attack: of the registry.
        options: those that were given, as values.
    """

    attack: Attack
    options: Settings = field(default_factory=dict)

    def __str__(self) -> str:
        """`pgd?eps=8/255&steps=4`, which `recipe` reads."""
        return written("", self.attack.name, {name: _text(value) for name, value in self.options.items()})

    def plan_for(self, scope: Scope) -> Plan:
        """The plan for a model; raises SettingError where an option or the task does not fit."""
        attack = self.attack
        if scope.task.name not in attack.tasks:
            able = ", ".join(other.name for other in REGISTRY.values() if scope.task.name in other.tasks)
            tasks = " and ".join(attack.tasks)
            raise SettingError(f"attack: {attack.name} is for {tasks}, got {scope.task.name}; use one of {able}")
        built = attack.build(scope, **self.options) if _takes_scope(attack.build) else attack.build(**self.options)
        if isinstance(built, Ascent):
            built = self._around(built, scope)
        if not isinstance(built, Plan):
            raise SettingError(
                f"attack: expected {attack.name} to return an Ascent or a Plan, got {type(built).__name__}"
            )
        variant = str(self.options.get("variant", attack.variants[0]))
        return replace(
            built, name=attack.name, title=attack.title, source=attack.source, variant=variant,
            own_steps=attack.own_steps,
        )  # fmt: skip

    def _around(self, ascent: Ascent, scope: Scope) -> Plan:
        """The plan of an attack that gives no more than its steps."""
        eps, norm = _bound(ascent.constraint)
        return Plan(
            ascent=ascent, target=None, eps=eps, norm=norm, step=_levels(ascent.step), steps=ascent.steps, stop=None,
            goal=scope.goal, only_class=scope.only_class, window=scope.window,
        )  # fmt: skip


def _bound(constraint: Constraint) -> tuple[Levels | None, str | None]:
    if isinstance(constraint, Linf | L2):
        return _levels(constraint.eps), "l2" if isinstance(constraint, L2) else "linf"
    return None, None


def _levels(unit: float) -> Levels:
    return Levels(Fraction(unit * 255).limit_denominator(10**6))


REGISTRY: Final[dict[str, Attack]] = {}
"""Every attack that is known, by name."""


def register(
    name: str,
    *,
    source: str,
    tasks: tuple[str, ...] = tuple(TASKS),
    form: str = "paper",
    strength: int | None = None,
    algorithm: int = 1,
    compares: bool = False,
    sampling: str = SAMPLINGS[0],
    attack_pixels: str = ATTACK_PIXELS[0],
    untargeted: Goal | None = None,
    without: Mapping[str, str] = MappingProxyType({}),
    title: str = "",
    own_steps: bool = False,
) -> Callable[[Builder], Attack]:
    """Enter a keyword function as the attack `name`.

    Args:
        name: for the command line.
        source: the paper it is after, or who made it.
        tasks, form, strength, algorithm, compares, sampling, attack_pixels, untargeted, without, title, own_steps: as
            of `Attack`.

    Raises:
        SettingError: the name is taken, there is no such task, or an argument has no type that an option can have.
    """

    def enter(build: Builder) -> Attack:
        there = REGISTRY.get(name)
        if there is not None and _place(there.build) != _place(build):  # the same function again is a notebook's cell
            raise SettingError(
                f"attack: expected a new name, got {name!r}, which is taken (source: {there.source}); call yours "
                "otherwise"
            )
        summary = (inspect.getdoc(build) or "").partition("\n")[0].rstrip(".")
        for task in tasks:
            task_named(task)
        REGISTRY[name] = Attack(
            name, source, summary, build, _options(name, build), tasks, form, strength, algorithm, compares, sampling,
            attack_pixels, untargeted, without, title, own_steps,
        )  # fmt: skip
        return REGISTRY[name]

    return enter


def _place(build: Builder) -> tuple[str, str]:
    return build.__module__, build.__qualname__


def owners(option: str, task: str | None = None) -> list[str]:
    """The attacks that have an option of this name, for `task`."""
    return [a.name for a in REGISTRY.values() if option in a.options and (task is None or task in a.tasks)]


def _takes_scope(build: Builder) -> bool:
    return any(p.kind is not p.KEYWORD_ONLY for p in inspect.signature(build).parameters.values())


def _options(attack: str, build: Builder) -> dict[str, Option]:
    """The options of a function: its keyword-only arguments."""
    hints = get_type_hints(build, include_extras=True)
    arguments = [p for p in inspect.signature(build).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: option_of(attack, p.name, hints.get(p.name), _default(p)) for p in arguments}


def _default(argument: inspect.Parameter) -> object:
    return None if argument.default is argument.empty else argument.default


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
