"""The images an attack has in progress, and those that wait for a place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from foolscape.attacks.ascent import Ascent
from foolscape.attacks.updates import State
from foolscape.problem import Problem, cat, shape_of


@dataclass(frozen=True)
class Entrant:
    """An image that waits for its turn: its name, its problem (a batch of one) and its source of randomness."""

    key: str
    problem: Problem
    generator: torch.Generator


@dataclass(frozen=True)
class Flight:
    """Everything in progress; each tensor is batch-first, so that images can leave and join.

    Attributes:
        keys: names of the images.
        problem: as the images came in.
        images: the current iterates, (B, 3, H, W).
        state: of the update.
        allowed: (B,) active targets at which an image is done.
        taken: (B,) steps taken.
        best: the best iterates so far.
        best_left: (B,) active targets in them.
        seconds: time spent on each image.
    """

    keys: tuple[str, ...]
    problem: Problem
    images: Tensor
    state: State
    allowed: Tensor
    taken: Tensor
    best: Tensor
    best_left: Tensor
    seconds: tuple[float, ...]

    def take(self, index: Sequence[int]) -> Flight:
        """The images at `index`, in that order."""
        at = torch.tensor(index, device=self.images.device)
        return replace(
            self,
            keys=tuple(self.keys[i] for i in index),
            problem=self.problem.take(at),
            images=self.images[at],
            state=tuple(s[at] for s in self.state),
            allowed=self.allowed[at],
            taken=self.taken[at],
            best=self.best[at],
            best_left=self.best_left[at],
            seconds=tuple(self.seconds[i] for i in index),
        )


def join(flights: Sequence[Flight]) -> Flight:
    """One flight from several whose problems have the same shapes."""

    def tensors(name: str) -> Tensor:
        return torch.cat([getattr(f, name) for f in flights])

    return Flight(
        keys=tuple(k for f in flights for k in f.keys),
        problem=cat([f.problem for f in flights]),
        images=tensors("images"),
        state=tuple(torch.cat(parts) for parts in zip(*(f.state for f in flights), strict=True)),
        allowed=tensors("allowed"),
        taken=tensors("taken"),
        best=tensors("best"),
        best_left=tensors("best_left"),
        seconds=tuple(s for f in flights for s in f.seconds),
    )


def board(entrant: Entrant, attack: Ascent) -> Flight:
    """The state of an image before its first step."""
    problem, generators = entrant.problem, [entrant.generator]
    clean = problem.images
    start = attack.constraint.random_start(clean, generators) if attack.random_start else clean
    none_yet = torch.iinfo(torch.int64).max
    return Flight(
        keys=(entrant.key,),
        problem=problem,
        images=start,
        state=attack.update.start(problem, generators),
        allowed=attack.stop(problem),
        taken=torch.zeros(1, dtype=torch.int64, device=clean.device),
        best=start,
        best_left=torch.full((1,), none_yet, device=clean.device),
        seconds=(0.0,),
    )


class Queue:
    """Entrants by shape, read from the source only as far as needed."""

    def __init__(self, entrants: Iterable[Entrant], lookahead: int) -> None:
        self._source = iter(entrants)
        self._lookahead = lookahead
        self._waiting: list[Entrant] = []

    def next(self, like: Problem | None) -> Entrant | None:
        """The first waiting entrant of the shape of `like` (None: of any shape), or None if there is none in sight."""
        for seen in range(self._lookahead):
            if seen == len(self._waiting):
                self._waiting.extend(islice(self._source, 1))
            if seen == len(self._waiting):
                return None
            if like is None or shape_of(self._waiting[seen].problem) == shape_of(like):
                return self._waiting.pop(seen)
        return None
