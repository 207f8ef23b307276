"""What a user decides about an attack, and the same with every setting settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

import torch

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.parts.goals import Goal
from foolscape.attacks.parts.targets import TargetRule
from foolscape.attacks.zoo.ara_released import AttackMemory
from foolscape.errors import SettingError
from foolscape.pixels import Levels


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a user may set; None stands for the attack's own default.

    Attributes:
        eps: the bound; DAG has none unless one is given; of a bisected bound the largest that is tried.
        step: size of a step.
        steps: most steps.
        norm: of the bound, `linf` or `l2`.
        stop: the share of labelled targets that may be left when an image counts as done.
        variant: another published form of the same attack.
        objective: what the attack makes large, a name of `attacks.parts.objective_table.OBJECTIVES`.
        schedule: of the bound of `apgd` and of the first part of `worst-case`, a name of SCHEDULES.
        budget: gradients per image of `worst-case`.
        boost: how gradients are taken, so that the change fools other networks too; see
            `attacks.parts.transforms.boost_of`.
        goal: of an attack on a detector, see `attacks.parts.goals`.
        victim: the one class that an attack on a detector is to touch.
        rounded: see `Ascent`; only DAG has it by default, for its steps are smaller than a level.
        refresh: find a detector's candidates anew after every so many steps; None: keep those of the clean image.
        window: how many frames of a clip the attack looks at, the first one included.
        sampling: which frames these are, a name of SAMPLINGS.
        supervision: `truth` or `prediction`: what the later frames of a clip are judged by during the attack.
        against: what of a clip's later frames is to become wrong, a name of AGAINST.
    """

    eps: Levels | None = None
    step: Levels | None = None
    steps: int | None = None
    norm: str | None = None
    stop: float | None = None
    variant: str | None = None
    objective: str | None = None
    schedule: str | None = None
    budget: int | None = None
    boost: str | None = None
    goal: str | None = None
    victim: str | None = None
    rounded: bool | None = None
    refresh: int | None = None
    window: int | None = None
    sampling: str | None = None
    supervision: str | None = None
    against: str | None = None


SCHEDULES: Final = ("constant", "shrinking")
"""The bound as it is, or one that comes down to it in stages from twice as much."""

SAMPLINGS: Final = ("first", "spread", "random")
"""The frames of a window: the clip's first, evenly from all of it, or others at every step."""

AGAINST: Final = ("all", "objects")
"""What of the later frames is to become wrong: every pixel, or those of the objects."""


@dataclass(frozen=True)
class Window:
    """What an attack on a clip looks at.

    Attributes:
        frames: how many, the first one included.
        sampling: a name of SAMPLINGS.
        truth: whether the later ones are judged by the truth, where it is known, or by the clean prediction.
        objects: whether the pixels of the objects alone are targets, or the background's too; if so, the frames are of
            those that show an object.
    """

    frames: int
    sampling: str
    truth: bool
    objects: bool

    @property
    def settings(self) -> dict[str, str | int | bool]:
        """As they are written into a run's record."""
        return {
            "window": self.frames,
            "sampling": self.sampling,
            "supervision": "truth" if self.truth else "clean prediction",
            "against": AGAINST[self.objects],
        }

    def chosen(self, length: int, generator: torch.Generator) -> tuple[int, ...]:
        """The frames of a clip of this length, rising, 0 first; `generator` is for those at random."""
        count = min(self.frames, length)
        if self.sampling == "first":
            return tuple(range(count))
        if self.sampling == "spread":
            return tuple(round(i * (length - 1) / (count - 1)) for i in range(count))
        return 0, *sorted((1 + torch.randperm(length - 1, generator=generator)[: count - 1]).tolist())


class Runner(Protocol):
    """An attack that is more than one ascent."""

    def __call__(self, items: Iterable[AttackItem], *, batch_size: int, memory: AttackMemory) -> Iterator[Outcome]:
        """Attack every entrant, see `driver.ascend`; `memory` is for what is learnt from image to image."""
        ...

    def at_precision(self, *, bf16: bool) -> Runner:
        """The same with every ascent's `bf16` set; raises `SettingError` where that cannot be."""
        ...


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
        objective: the name of what is made large, where an attack has a choice.
        schedule: of the bound, where an attack has a choice.
        goal, victim: of an attack on a detector, the victim as an index; None for other tasks.
        window: of an attack on a clip; None for other tasks.
        budget: gradients per image, of an attack that shares them out.
        boost: as in `Options`.
        runner: in the place of `ascent`, which then only says where images may lie.
        largest: the largest bound tried, of an attack that looks for the smallest under which it succeeds.
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
    objective: str | None = None
    schedule: str | None = None
    goal: Goal | None = None
    victim: int | None = None
    window: Window | None = None
    budget: int | None = None
    boost: str | None = None
    runner: Runner | None = None
    largest: Levels | None = None

    def run(self, items: Iterable[AttackItem], *, batch_size: int, memory: AttackMemory) -> Iterator[Outcome]:
        """Attack every entrant; see `driver.ascend`. `memory` is for an attack that learns from image to image."""
        if self.runner is None:
            return ascend(items, self.ascent, batch_size=batch_size)
        return self.runner(items, batch_size=batch_size, memory=memory)

    def at_precision(self, *, bf16: bool) -> Plan:
        """The same attack with its gradients in bfloat16 or not, see `Ascent.bf16`, or a `SettingError`."""
        if bf16 and self.ascent.ladder:
            raise SettingError(f"precision: {self.name} compares sizes at which targets flip, got bf16; leave it out")
        runner = None if self.runner is None else self.runner.at_precision(bf16=bf16)
        return replace(self, ascent=replace(self.ascent, bf16=bf16), runner=runner)

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
            **({"precision": "bf16"} if self.ascent.bf16 else {}),
            **({} if self.objective is None else {"objective": self.objective}),
            **({} if self.schedule is None else {"schedule": self.schedule}),
            **({} if self.budget is None else {"budget": self.budget}),
            **({} if self.boost is None else {"boost": self.boost}),
            **({} if self.ascent.gradients_per_step == 1 else {"gradients_per_step": self.ascent.gradients_per_step}),
            **({} if not self.ascent.ladder else {"largest": None if self.largest is None else str(self.largest)}),
            **({} if self.goal is None else {"goal": self.goal.name, "refresh": self.ascent.refresh}),
            **({} if self.window is None else self.window.settings),
        }


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An entry of the catalog; `chooses` and `boosts` say whether `Options.objective` and `boost` are for it."""

    name: str
    summary: str
    source: str
    variants: tuple[str, ...]
    tasks: tuple[str, ...] = ("segmentation", "detection", "video")
    sampling: str = SAMPLINGS[0]
    against: str = AGAINST[0]
    chooses: bool = False
    boosts: bool = False
    build: Callable[[Attack, Options, Scope], Plan]


@dataclass(frozen=True)
class Scope:
    """What an attack is planned for: the model's class names and, for a detector, the goal and the victim's index."""

    task: str
    classes: tuple[str, ...]
    goal: Goal | None = None
    victim: int | None = None

    @property
    def channels(self) -> int:
        """Scores per target, the background's included; 0 for a tracker, whose clips differ."""
        return len(self.classes) + (self.task == "detection")
