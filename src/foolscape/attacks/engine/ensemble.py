"""Several networks as one: a `Problem` and an objective for a change that is to fool all of them.

Liu, Chen, Liu, Song: Delving into Transferable Adversarial Examples and Black-box Attacks, ICLR 2017, average the
networks' probabilities; Dong et al. (MI-FGSM, CVPR 2018) their logits. Here losses are averaged, which asks neither for
the same classes nor for the same targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.parts.objectives import Objective, ObjectiveValue
from foolscape.problem import Problem


@dataclass(frozen=True)
class NetworkPart:
    """The part of a joint problem that belongs to one network.

    Attributes:
        scores: of the own problem.
        channels: scores per target.
        contexts: how many tensors of context are its own.
        size: how many targets.
        targeted: whether it has wanted classes.
    """

    scores: Callable[..., Tensor]
    channels: int
    contexts: int
    size: int
    targeted: bool


@dataclass(frozen=True)
class JointScores:
    """(images, *contexts of all parts) -> (B, most channels, all targets), 0 in the channels a network lacks."""

    parts: tuple[NetworkPart, ...]

    def __call__(self, images: Tensor, *context: Tensor) -> Tensor:
        """The scores of every network, the targets of one behind those of the other."""
        most, padded, begin = max(part.channels for part in self.parts), [], 0
        for part in self.parts:
            scores = part.scores(images, *context[begin : begin + part.contexts]).flatten(2)
            padded.append(functional.pad(scores, (0, 0, 0, most - part.channels)))
            begin += part.contexts
        return torch.cat(padded, dim=2)


@dataclass(frozen=True)
class Joint:
    """The mean of the networks' losses per target, each network by its own objective.

    Values are those of the networks, times the mean number of targets over their own number: where all have as many,
    as segmentation networks do, nothing is scaled. The active targets are those of all networks.
    """

    objectives: tuple[Objective, ...]

    def __call__(self, scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        """The objective; `problem` is made by `joint`."""
        assert isinstance(problem.scores, JointScores)
        counts = torch.stack([share.counted.sum(1) for share, _ in _shares(problem)]).clamp(min=1).to(scores.dtype)
        weights = counts.mean(dim=0) / counts
        values = []
        for objective, weight, (own, (channels, targets)) in zip(
            self.objectives, weights, _shares(problem), strict=True
        ):
            own_value = objective(scores[:, channels, targets], own, progress)
            values.append(ObjectiveValue(own_value.value * weight[:, None], own_value.active))
        return ObjectiveValue(torch.cat([s.value for s in values], dim=1), torch.cat([s.active for s in values], dim=1))


def _shares(problem: Problem) -> Iterator[tuple[Problem, tuple[slice, slice]]]:
    """Every network's own problem, its targets in one line, and its channels and targets among all."""
    assert isinstance(problem.scores, JointScores)
    begin = 0
    for part in problem.scores.parts:
        targets = slice(begin, begin + part.size)
        target = problem.target[:, targets] if part.targeted and problem.target is not None else None
        own = Problem(problem.images, problem.labels[:, targets], part.scores, target)
        yield own, (slice(part.channels), targets)
        begin = targets.stop


def joint(problems: Sequence[Problem], channels: Sequence[int]) -> Problem:
    """The problem of fooling several networks on the same images at once, for the objective `Joint`.

    Args:
        problems: one per network, with equal images.
        channels: scores per target, per network.
    """
    targeted = any(problem.target is not None for problem in problems)
    return Problem(
        images=problems[0].images,
        labels=torch.cat([problem.labels.flatten(1) for problem in problems], dim=1),
        target=torch.cat([problem.wanted.flatten(1) for problem in problems], dim=1) if targeted else None,
        context=tuple(tensor for problem in problems for tensor in problem.context),
        scores=JointScores(
            tuple(
                NetworkPart(p.scores, own, len(p.context), p.labels[0].numel(), p.target is not None)
                for p, own in zip(problems, channels, strict=True)
            )
        ),
    )
