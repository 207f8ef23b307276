"""The images an attack works on: the batch in progress, and the queue of those that wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeVar

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.smallest import SmallestSearch, joined, nothing_yet
from foolscape.attacks.parts.updates import State
from foolscape.errors import ModelError
from foolscape.pixels import WHITE
from foolscape.problem import Problem, cat, shape_of
from foolscape.sending import numbers_on
from foolscape.tasks.finite import tested_later

T = TypeVar("T")

Renewal = Callable[[Tensor], Problem]
"""An iterate (1, 3, H, W) -> the problem with the targets found in it, of the same shapes; its `images` are ignored."""


@dataclass(frozen=True)
class AttackItem:
    """An image that waits for its turn.

    Attributes:
        key: its name.
        problem: a batch of one.
        generator: its source of randomness.
        renew: finds its targets anew, for `Ascent.resample_targets`; None: they stay.
        start: (1, 3, H, W), the image to begin at; None: the attack says.
        remains: (1, 3, H, W) -> how much of what it should find the model still finds there, which is less the better
            an attack did; None: the number of targets left says so.
    """

    key: str
    problem: Problem
    generator: torch.Generator
    renew: Renewal | None = None
    start: Tensor | None = None
    remains: Callable[[Tensor], float] | None = None


@dataclass(frozen=True)
class BatchState:
    """Everything in progress; tensors are batch-first, tuples hold an item per image: images can leave and join.

    Attributes:
        keys: names of the images.
        problem: as the images came in.
        images: the current iterates, (B, 3, H, W).
        state: of the update. What it has on the CPU stays there.
        remembered: of the transforms, see `Transforms.start`.
        generators: an image's source of randomness.
        allowed: (B,) int64, active targets at which an image is done.
        targets: (B,) int64, those that count.
        taken: steps taken.
        best: the best iterates so far.
        best_remaining: active targets in them.
        seconds: time spent on each image.
        renewals: see `AttackItem.renew`.
        search: of an attack that searches for the smallest change.
    """

    keys: tuple[str, ...]
    problem: Problem
    images: Tensor
    state: State
    remembered: State
    generators: tuple[torch.Generator, ...]
    allowed: Tensor
    targets: Tensor
    taken: tuple[int, ...]
    best: Tensor
    best_remaining: tuple[int, ...]
    seconds: tuple[float, ...]
    renewals: tuple[Renewal | None, ...]
    search: SmallestSearch | None = None

    def take(self, index: Sequence[int]) -> BatchState:
        """The images at `index`, in that order."""
        at = numbers_on(self.images.device, index, torch.int64)

        def picked(values: tuple[T, ...]) -> tuple[T, ...]:
            return tuple(values[i] for i in index)

        def rows(values: Tensor) -> Tensor:
            return values[at if values.device == at.device else torch.tensor(index)]

        return replace(
            self,
            keys=picked(self.keys),
            problem=self.problem.take(at),
            images=self.images[at],
            state=tuple(rows(s) for s in self.state),
            remembered=tuple(s[at] for s in self.remembered),
            generators=picked(self.generators),
            allowed=self.allowed[at],
            targets=self.targets[at],
            taken=picked(self.taken),
            best=self.best[at],
            best_remaining=picked(self.best_remaining),
            seconds=picked(self.seconds),
            renewals=picked(self.renewals),
            search=None if self.search is None else self.search.take(index, at),
        )


def join(batches: Sequence[BatchState]) -> BatchState:
    """One batch of several whose problems have the same shapes."""

    def chained(values: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
        return tuple(chain.from_iterable(values))

    searches = [f.search for f in batches if f.search is not None]
    return BatchState(
        keys=chained(f.keys for f in batches),
        problem=cat([f.problem for f in batches]),
        images=torch.cat([f.images for f in batches]),
        state=tuple(torch.cat(parts) for parts in zip(*(f.state for f in batches), strict=True)),
        remembered=tuple(torch.cat(parts) for parts in zip(*(f.remembered for f in batches), strict=True)),
        generators=chained(f.generators for f in batches),
        allowed=torch.cat([f.allowed for f in batches]),
        targets=torch.cat([f.targets for f in batches]),
        taken=chained(f.taken for f in batches),
        best=torch.cat([f.best for f in batches]),
        best_remaining=chained(f.best_remaining for f in batches),
        seconds=chained(f.seconds for f in batches),
        renewals=chained(f.renewals for f in batches),
        search=joined(searches) if searches else None,
    )


def start(item: AttackItem, attack: Ascent) -> BatchState:
    """The state of an image before its first step; an image without targets is done at once."""
    problem, generators = item.problem, [item.generator]
    clean, targets = problem.images, _targets(problem)
    start = clean if item.start is None else item.start
    if item.start is None and attack.random_start:
        anywhere = attack.constraint.random_start(clean, generators)
        start = torch.where((targets > 0).view(-1, 1, 1, 1), anywhere, clean)
    return BatchState(
        keys=(item.key,),
        problem=problem,
        images=start,
        state=attack.update.start(problem, generators),
        remembered=() if attack.transforms is None else attack.transforms.start(problem),
        generators=(item.generator,),
        allowed=_allowed(problem, attack),
        targets=targets,
        taken=(0,),
        best=start,
        best_remaining=(sys.maxsize,),
        seconds=(0.0,),
        renewals=(item.renew,),
        search=nothing_yet(attack.ladder, clean) if attack.ladder else None,
    )


def renewed(batch: BatchState, attack: Ascent) -> tuple[BatchState, dict[int, str]]:
    """The batch with new targets for images that are due by `attack.resample_targets`; and why some have none.

    The best iterate against the old targets says nothing about the new ones, so it is reset too. After the
    last step nothing is renewed: no iterate would be left to compare.
    """
    every = attack.resample_targets
    due = {
        i: renew
        for i, (taken, renew) in enumerate(zip(batch.taken, batch.renewals, strict=True))
        if every and renew is not None and 0 < taken < attack.steps and taken % every == 0
    }
    if not due:
        return batch, {}
    failures: dict[int, str] = {}
    problems = [batch.problem.one(i) for i in range(len(batch.keys))]
    best_remaining = list(batch.best_remaining)
    inputs = model_inputs(batch, attack)
    for i, renew in due.items():
        try:
            with tested_later():  # with the scores of the iterate, in which they were found
                problems[i] = replace(renew(inputs[i : i + 1]), images=problems[i].images)
        except ModelError as error:
            failures[i] = str(error)
            continue
        best_remaining[i] = sys.maxsize
    problem = cat(problems)
    batch = replace(
        batch,
        problem=problem,
        allowed=_allowed(problem, attack),
        targets=_targets(problem),
        best_remaining=tuple(best_remaining),
    )
    return batch, failures


def model_inputs(batch: BatchState, attack: Ascent) -> Tensor:
    """The iterates as the model sees them: if it quantises steps, as the 8-bit images that would be written."""
    if not attack.quantise_steps:
        return batch.images
    clean = batch.problem.images
    return attack.constraint.quantise(batch.images, clean).to(clean.dtype) / WHITE


def _targets(problem: Problem) -> Tensor:
    """(B,) int64: how many targets count."""
    return problem.counted.flatten(1).sum(1)


def _allowed(problem: Problem, attack: Ascent) -> Tensor:
    """(B,) int64: active targets at which an image of `problem` is done: none, where it has no targets at all."""
    return torch.where(_targets(problem) > 0, attack.stop(problem), 0)


class Queue:
    """Items by shape, read from the source only as far as needed."""

    def __init__(self, items: Iterable[AttackItem], lookahead: int) -> None:
        self._source = iter(items)
        self._lookahead = lookahead
        self._waiting: list[AttackItem] = []

    def next(self, like: Problem | None) -> AttackItem | None:
        """The first waiting item of the shape of `like` (None: any shape), or None if the lookahead has none."""
        for place in range(self._lookahead):
            if place == len(self._waiting):
                self._waiting.extend(islice(self._source, 1))
            if place == len(self._waiting):
                return None
            if like is None or shape_of(self._waiting[place].problem) == shape_of(like):
                return self._waiting.pop(place)
        return None
