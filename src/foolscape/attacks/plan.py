"""An attack with every setting resolved, and the scope it is resolved for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.names import TASK_OPTIONS
from foolscape.attacks.parts.goals import Goal
from foolscape.attacks.parts.targets import TargetRule
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.tasks.base import Task

SAMPLINGS: Final = TASK_OPTIONS["sampling"].choices
"""The frames of a window: the clip's first, evenly from all of it, or others at every step."""

ATTACK_PIXELS: Final = TASK_OPTIONS["attack_pixels"].choices
"""What of the later frames is to become wrong: every pixel, or those of the objects."""


@dataclass(frozen=True)
class Window:
    """The frames that an attack on a clip uses.

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
            "labels_from": "truth" if self.truth else "clean prediction",
            "attack_pixels": ATTACK_PIXELS[self.objects],
        }

    def chosen(self, length: int, generator: torch.Generator) -> tuple[int, ...]:
        """The frames of a clip of this length, rising, 0 first; `generator` is for those at random."""
        count = min(self.frames, length)
        if self.sampling == "first":
            return tuple(range(count))
        if self.sampling == "spread":
            return tuple(round(i * (length - 1) / (count - 1)) for i in range(count))
        return 0, *sorted((1 + torch.randperm(length - 1, generator=generator)[: count - 1]).tolist())


class AttackMemory(Protocol):
    """Stores what an attack learns between items, so that it survives a kill."""

    def load(self) -> tuple[Tensor, Tensor] | None:
        """What was learnt by the end of the last item; None before the first."""
        ...

    def save(self, key: str, learnt: tuple[Tensor, Tensor]) -> None:
        """What is learnt by the end of the item `key`."""
        ...


class Runner(Protocol):
    """Runs an attack's ascent on images: once each, or in several passes."""

    def __call__(
        self, items: Iterable[AttackItem], ascent: Ascent, *, batch_size: int, memory: AttackMemory
    ) -> Iterator[Outcome]:
        """Attack every item, see `driver.ascend`; `memory` is for what is learnt from image to image."""
        ...


def once(items: Iterable[AttackItem], ascent: Ascent, *, batch_size: int, memory: AttackMemory) -> Iterator[Outcome]:
    """The runner of one ascent per image; nothing is kept between images."""
    del memory
    return ascend(items, ascent, batch_size=batch_size)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A named attack with every setting resolved.

    Attributes:
        ascent: what the driver runs.
        target: how adversarial labels are made; None for an untargeted attack.
        eps, norm: the bound; None where there is only the pixel range.
        step, steps: size and most number of steps.
        stop: the share of labelled targets that may be left when an image counts as done.
        name, title, variant, source, own_steps: as in the registry, which sets them.
        loss: the name of what is made large, where an attack has a choice.
        schedule: of the bound, where an attack has a choice.
        goal, only_class: of an attack on a detector, the class as an index; None for other tasks.
        window: of an attack on a clip; None for other tasks.
        budget: gradients per image, of an attack that shares them out.
        transforms: how gradients are taken, see `attacks.parts.transforms.transforms_of`.
        runner: how images meet `ascent`; what is no single ascent takes of it where images may lie, and its precision.
        float32: why gradients cannot be taken in bfloat16, as the rest of a sentence that begins with the name.
        moves_context: whether it changes a problem's context (a clip's later frames) too while it lasts, so that
            nothing of that can be computed beforehand.
        largest: the largest bound tried, of an attack that searches for the smallest under which it succeeds.
    """

    ascent: Ascent
    target: TargetRule | None
    eps: Levels | None
    norm: str | None
    step: Levels
    steps: int
    stop: float | None
    name: str = ""
    title: str = ""
    variant: str = ""
    source: str = ""
    own_steps: bool = False
    loss: str | None = None
    schedule: str | None = None
    goal: Goal | None = None
    only_class: int | None = None
    window: Window | None = None
    budget: int | None = None
    transforms: str | None = None
    runner: Runner = once
    float32: str | None = None
    moves_context: bool = False
    largest: Levels | None = None

    def run(self, items: Iterable[AttackItem], *, batch_size: int, memory: AttackMemory) -> Iterator[Outcome]:
        """Attack every item; see `driver.ascend`. `memory` is for an attack that learns from image to image."""
        return self.runner(items, self.ascent, batch_size=batch_size, memory=memory)

    @property
    def single(self) -> bool:
        """Whether it is one ascent per image."""
        return self.runner is once

    def at_precision(self, *, bf16: bool) -> Plan:
        """The same attack with its gradients in bfloat16 or not, see `Ascent.bf16`, or a `SettingError`."""
        if bf16 and self.float32 is not None:
            raise SettingError(f"precision: {self.name} {self.float32}, got bf16; leave it out")
        return replace(self, ascent=replace(self.ascent, bf16=bf16))

    @property
    def settings(self) -> dict[str, str | int | float | bool | None]:
        """The settings as they are written into a run's record."""
        return {
            "name": self.name,
            "title": self.title or self.name,
            "variant": self.variant,
            "source": self.source,
            "eps": None if self.eps is None else str(self.eps),
            "norm": self.norm,
            "step": str(self.step),
            "steps": self.steps,
            "stop": self.stop,
            "random_start": self.ascent.random_start,
            "quantise_steps": self.ascent.quantise_steps,
            **({"precision": "bf16"} if self.ascent.bf16 else {}),
            **({"own_steps": True} if self.own_steps else {}),
            **({} if self.loss is None else {"loss": self.loss}),
            **({} if self.schedule is None else {"schedule": self.schedule}),
            **({} if self.budget is None else {"budget": self.budget}),
            **({} if self.transforms is None else {"transforms": self.transforms}),
            **({} if self.ascent.gradients_per_step == 1 else {"gradients_per_step": self.ascent.gradients_per_step}),
            **({} if not self.ascent.ladder else {"largest": None if self.largest is None else str(self.largest)}),
            **({} if self.goal is None else self._of_detector(self.goal)),
            **({} if self.window is None else self.window.settings),
        }

    def _of_detector(self, goal: Goal) -> dict[str, str | int | None]:
        return {"goal": goal.name, "resample_candidates": self.ascent.resample_targets}


@dataclass(frozen=True)
class Scope:
    """What an attack is planned for.

    Attributes:
        task: that the model is for.
        classes: the model's class names; none of a tracker.
        goal, only_class: of an attack on a detector, the class as an index.
        window: of an attack on a clip.
    """

    task: Task
    classes: tuple[str, ...]
    goal: Goal | None = None
    only_class: int | None = None
    window: Window | None = None

    @property
    def channels(self) -> int:
        """Scores per target, the background's included; 0 for a tracker, whose clips differ."""
        return len(self.classes) + self.task.background
