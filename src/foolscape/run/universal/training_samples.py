"""The training images of a universal perturbation, read again in every epoch or kept, as far as memory allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from foolscape.attacks.universal.learn import TrainingSample
from foolscape.pixels import WHITE, round_to_levels
from foolscape.problem import Problem
from foolscape.run.universal.universal_task import UniversalTask

BUDGET = 512 * 2**20
"""Bytes of images that are kept: some thousands of small ones. Others are read and predicted anew in every epoch."""


@dataclass(frozen=True)
class _Packed:
    """A training sample with its image and its classes in as few bytes as hold them exactly."""

    problem: Problem
    wanted: Tensor | None

    @property
    def size(self) -> int:
        held = (self.problem.images, self.problem.labels, self.problem.target, *self.problem.context)
        return sum(tensor.nbytes for tensor in held if tensor is not None)


class TrainingSamples:
    """The samples of a training set by name; the same whether they are kept or not."""

    def __init__(self, universal_task: UniversalTask[Any, Any], budget: int = BUDGET) -> None:
        self._task = universal_task
        self._left = budget
        self._kept: dict[tuple[str, bool], _Packed] = {}

    def __call__(self, name: str, mirrored: bool = False, tick: Callable[[str], None] | None = None) -> TrainingSample:
        """The training sample of the image `name` or of its mirror image; raises `SampleError` or `ModelError`.

        `tick` is told of the name.
        """
        if tick is not None:
            tick(name)
        key = (name, mirrored)
        if key in self._kept:
            return _unpacked(self._kept[key])
        training_sample = self._task.training_sample(name, mirrored)
        packed = _packed(training_sample)
        if packed.size <= self._left:
            self._left -= packed.size
            self._kept[key] = packed
        return training_sample


def _packed(training_sample: TrainingSample) -> _Packed:
    problem = training_sample.problem
    target = None if problem.target is None else problem.target.to(torch.int16)
    images = round_to_levels(problem.images)
    return _Packed(
        replace(problem, images=images, labels=problem.labels.to(torch.int16), target=target), training_sample.wanted
    )


def _unpacked(packed: _Packed) -> TrainingSample:
    problem = packed.problem
    target = None if problem.target is None else problem.target.long()
    images = problem.images.float() / WHITE
    return TrainingSample(replace(problem, images=images, labels=problem.labels.long(), target=target), packed.wanted)
