"""What a user decides about an attack, and the same with every setting settled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foolscape.attacks.ascent import Ascent
from foolscape.attacks.goals import Goal
from foolscape.attacks.targets import TargetRule
from foolscape.pixels import Levels


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may set; None stands for the attack's own default.

    Attributes:
        eps: the bound; DAG has none unless one is given.
        step: size of a step.
        steps: most steps.
        norm: of the bound, `linf` or `l2`.
        stop: the share of labelled targets that may be left when an image counts as done.
        variant: another published form of the same attack.
        goal: of an attack on a detector, see `attacks.goals`.
        victim: the one class that an attack on a detector is to touch.
        rounded: see `Ascent`; only DAG has it by default, for its steps are smaller than a level.
        refresh: find a detector's candidates anew after every so many steps; None: keep those of the clean image.
    """

    eps: Levels | None = None
    step: Levels | None = None
    steps: int | None = None
    norm: str | None = None
    stop: float | None = None
    variant: str | None = None
    goal: str | None = None
    victim: str | None = None
    rounded: bool | None = None
    refresh: int | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A named attack with every setting settled.

    Attributes:
        name, variant: as in the catalog.
        source: the paper.
        ascent: what the driver runs.
        target: how adversarial labels are made; None for an untargeted attack.
        eps, norm: the bound; None where there is only the pixel range.
        step, steps, stop: as in `Options`.
        goal, victim: of an attack on a detector, the victim as an index; None for segmentation.
    """

    name: str
    variant: str
    source: str
    ascent: Ascent
    target: TargetRule | None
    eps: Levels | None
    norm: str | None
    step: Levels
    steps: int
    stop: float | None
    goal: Goal | None = None
    victim: int | None = None

    @property
    def settings(self) -> dict[str, str | int | float | bool | None]:
        """The settings as they are written into a run's record."""
        return {
            "name": self.name,
            "variant": self.variant,
            "source": self.source,
            "eps": None if self.eps is None else str(self.eps),
            "norm": self.norm,
            "step": str(self.step),
            "steps": self.steps,
            "stop": self.stop,
            "random_start": self.ascent.random_start,
            "rounded": self.ascent.rounded,
            **({} if self.goal is None else {"goal": self.goal.name, "refresh": self.ascent.refresh}),
        }


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An entry of the catalog."""

    name: str
    summary: str
    source: str
    variants: tuple[str, ...]
    build: Callable[[Attack, Options, Scope], Plan]


@dataclass(frozen=True)
class Scope:
    """What an attack is planned for: the model's class names and, for a detector, the goal and the victim's index."""

    classes: tuple[str, ...]
    goal: Goal | None = None
    victim: int | None = None
