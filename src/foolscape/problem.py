"""`Problem`: all that an attack ever sees of a task, a model and a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import torch
from torch import Tensor

IGNORE: Final = -1
"""The label of a target that counts nowhere: void pixels, crowds, padding."""

OTHER: Final = -2
"""The wanted class of a target that is to become anything but its label, whatever it is."""


@dataclass(frozen=True)
class Problem:
    """Images that may change, and a differentiable map from them to dense class scores.

    Every tensor is batch-first, so that images can leave a batch and others take their place. `*N` stands for the
    targets of the task: H, W for segmentation; candidate boxes for detection; frames, H, W for video.

    Attributes:
        images: (B, 3, H, W) float32 RGB in [0, 1], what the attack may change.
        labels: (B, *N) int64 class of each target, `IGNORE` where nothing counts.
        target: (B, *N) int64 class the attacker wants, `IGNORE` where it wants nothing, `OTHER` for any but the
            label; None: any other than the label everywhere.
        context: what `scores` needs besides the images (candidate boxes, later frames, first mask), batch-first.
        scores: (images, *context) -> (B, C, *N), differentiable in the images. The same function for all problems
            that share a batch.
    """

    images: Tensor
    labels: Tensor
    scores: Callable[..., Tensor]
    target: Tensor | None = None
    context: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return self.images.shape[0]

    @cached_property
    def counted(self) -> Tensor:
        """(B, *N) bool: the targets that have a label."""
        return self.labels != IGNORE

    @cached_property
    def ignored(self) -> Tensor:
        """(B, *N) bool: the targets that have none."""
        return ~self.counted

    @cached_property
    def index(self) -> Tensor:
        """(B, *N) int64: the labels to look scores up by: 0 where there is none."""
        return self.labels.clamp(min=0)

    @cached_property
    def wanted(self) -> Tensor:
        """(B, *N) int64: `target`, or, where there is none, `OTHER` for all that have a label."""
        return torch.where(self.counted, OTHER, IGNORE) if self.target is None else self.target

    @cached_property
    def moving(self) -> Tensor:
        """(B, *N) bool: the targets that are to become another class; without `target`, all that have a label."""
        return self.counted if self.target is None else self.counted & (self.target != self.labels)

    @cached_property
    def pushed(self) -> Tensor:
        """(B, *N) bool: the targets that have a label and are to become a class that is named and another."""
        return self.moving if self.target is None else self.moving & (self.target != IGNORE)

    @cached_property
    def wanted_and_own(self) -> Tensor:
        """(B, 2, *N) int64: `target` and labels to look scores up by, 0 where there is none."""
        return torch.stack([self.wanted.clamp(min=0), self.index], dim=1)

    def won(self, predicted: Tensor) -> Tensor:
        """(B, *N) bool: where the prediction (B, *N) is what is wanted."""
        wanted = self.wanted
        return torch.where(wanted == OTHER, predicted != self.labels, predicted == wanted)

    def take(self, index: Tensor) -> Problem:
        """The problems at `index` ((K,) int64), in that order; an index may repeat."""
        return self._each(lambda values: values[index])

    def one(self, i: int) -> Problem:
        """The problem of image `i`, whose tensors are views of these."""
        return self._each(lambda values: values[i : i + 1])

    def _each(self, part: Callable[[Tensor], Tensor]) -> Problem:
        return replace(
            self,
            images=part(self.images),
            labels=part(self.labels),
            target=None if self.target is None else part(self.target),
            context=tuple(part(c) for c in self.context),
        )


def likeliest(scores: Tensor) -> Tensor:
    """(B, C, *N) -> (B, *N) int64: the class of the largest score, of several the first.

    `argmax` gives the same, but takes 8 to 15 times as long over classes that lie far apart in memory, as those of a
    segmentation do (torch 2.14, CPU): a fifth of a small network's forward pass.
    """
    return scores.max(dim=1).indices


def shape_of(problem: Problem) -> tuple[torch.Size, ...]:
    """What must agree for problems to share a batch: the shapes of all tensors without the batch dimension."""
    extra = () if problem.target is None else (problem.target.shape[1:],)
    tensors = (problem.images, problem.labels, *problem.context)
    return tuple(t.shape[1:] for t in tensors) + extra


def cat(problems: Sequence[Problem]) -> Problem:
    """One problem from several of the same `shape_of`, along the batch."""
    first = problems[0]
    if len(problems) == 1:
        return first
    targets = [p.target for p in problems if p.target is not None]
    return replace(
        first,
        images=torch.cat([p.images for p in problems]),
        labels=torch.cat([p.labels for p in problems]),
        target=torch.cat(targets) if targets else None,
        context=tuple(torch.cat(parts) for parts in zip(*(p.context for p in problems), strict=True)),
    )
