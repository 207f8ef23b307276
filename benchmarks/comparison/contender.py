"""An attack of some library, and what it is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from comparison.stand import Network
from foolscape.pixels import Levels
from foolscape.problem import IGNORE

STEP_PART = 4
"""Every attack that has to be given a step takes a quarter of the bound, PGD's default here and in torchattacks."""


@dataclass(frozen=True)
class Task:
    """One call of an attack.

    Attributes:
        network: to be fooled.
        images, labels: (B, 3, H, W) in [0, 1] and (B, H, W) int64, `IGNORE` where nothing counts.
        names: of the images.
        classes: names of the channels.
        eps: the bound.
        budget: pairs of forward pass and gradient per image.
        seed: of everything random.
    """

    network: Network
    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    classes: tuple[str, ...]
    eps: Levels
    budget: int
    seed: int

    @property
    def step(self) -> float:
        """The step of those that have to be given one."""
        return self.eps.unit / STEP_PART

    @property
    def counted(self) -> Tensor:
        """(B, H, W) bool: the pixels that have a label."""
        return self.labels != IGNORE

    def labels_with(self, void: int) -> Tensor:
        """The labels with another number for void."""
        return torch.where(self.counted, self.labels, void)


@dataclass(frozen=True)
class Contender:
    """An attack that can be run.

    Attributes:
        name: in tables, the library first.
        library: whose it is.
        run: Task -> images (B, 3, H, W), in float; several of them, if it has several results for each image.
        bounded: False for an attack that looks for a small change by itself, whatever the bound.
        note: what its user has to know or work around.
    """

    name: str
    library: str
    run: Callable[[Task], Tensor | tuple[Tensor, ...]]
    bounded: bool = True
    note: str = ""


@dataclass(frozen=True)
class Absent:
    """An attack or a library that cannot be run, and why."""

    name: str
    reason: str
