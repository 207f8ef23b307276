"""What a step of an attack computes: scores, objective and gradient of the images in progress, and what is left.

All of it stays on the device. What the host decides by comes to it in one copy per iteration, see `read`: a host that
waits for the device has nothing for it to do while it does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent, never
from foolscape.attacks.engine.batch import BatchState, model_inputs
from foolscape.attacks.engine.smallest import PART, sizes_of
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.transforms import Slope
from foolscape.attacks.parts.updates import State
from foolscape.problem import Problem
from foolscape.sending import numbers_on
from foolscape.tasks.finite import tested_later


@dataclass(frozen=True)
class Evaluation:
    """The current iterates as the model and the objective see them, copies that fill the batch included."""

    problem: Problem
    images: Tensor
    progress: Tensor
    scores: Tensor
    objective: ObjectiveValue


def evaluate(batch: BatchState, attack: Ascent, batch_size: int) -> Evaluation:
    """The evaluation of a step; its scores are bfloat16 where the attack asks for it."""
    problem, images, progress = _filled(batch, attack, batch_size)
    if attack.bf16:
        problem = _rough(problem)
    with torch.set_grad_enabled(_takes_own(attack)), tested_later():
        images = images.detach().requires_grad_(_takes_own(attack))
        scores = problem.scores(images, *problem.context)
        return Evaluation(problem, images, progress, scores, attack.objective(scores, problem, progress))


@dataclass(frozen=True)
class Reading:
    """What the host knows of the current iterates, a number per image.

    Attributes:
        remaining: active targets.
        allowed: at or below which the image is done.
        targets: that count.
        sound: false where scores or gradient may hold what is no number; what is sure `finite` says.
        sizes: of the iterates, and of what the model saw of them, in levels; of an attack with a `ladder`, else empty.
    """

    remaining: list[int]
    allowed: list[int]
    targets: list[int]
    sound: list[bool]
    sizes: tuple[list[float], list[float]]

    @property
    def fooled(self) -> tuple[bool, ...]:
        """Whether no more targets are active than may be."""
        return tuple(now <= most for now, most in zip(self.remaining, self.allowed, strict=True))


def read(batch: BatchState, evaluation: Evaluation, gradient: Tensor | None, attack: Ascent) -> Reading:
    """The one copy to the host of an iteration; `gradient` (B, 3, H, W) is None where no step is taken."""
    count = len(batch.keys)
    remaining = _remaining(batch, evaluation.objective)
    columns = [remaining, batch.allowed, batch.targets, _sound(batch, evaluation, gradient, attack)]
    if attack.ladder:
        columns += [
            sizes_of(images, batch.problem.images) for images in (batch.images, of_images(evaluation.images, count))
        ]
    rows: list[list[int]] = torch.stack(columns).tolist()
    own, seen = ([size / PART for size in row] for row in rows[4:]) if attack.ladder else ([], [])
    return Reading(rows[0], rows[1], rows[2], [bool(flag) for flag in rows[3]], (own, seen))


def _sound(batch: BatchState, evaluation: Evaluation, gradient: Tensor | None, attack: Ascent) -> Tensor:
    """(B,): true where the sums of scores and gradient are finite, which they are only if every value is."""
    parts = [] if gradient is None else [gradient.sum(dim=(1, 2, 3))]
    # Scores are looked at where an image may be done, as one is that new candidates leave without a target.
    renews = attack.resample_targets is not None
    if renews or attack.stop is not never or any(taken in (0, attack.steps) for taken in batch.taken):
        parts.append(of_images(evaluation.scores.detach(), len(batch.keys)).flatten(1).sum(1))
    if renews:
        parts += [c.flatten(1).sum(1) for c in batch.problem.context if c.is_floating_point()]
    if not parts:
        return torch.ones_like(batch.allowed)
    return sum(parts[1:], parts[0]).abs() < math.inf


def finite(values: Tensor) -> bool:
    """Whether every value is a finite number; the host waits for the answer."""
    return bool(torch.isfinite(values).all())


def exact(reading: Reading, batch: BatchState, attack: Ascent, batch_size: int) -> Reading:
    """The reading with the exact number of active targets for images that seem to be done by bfloat16."""
    seems = reading.fooled
    if not attack.bf16 or not any(seems):
        return reading
    sure = _exactly_remaining(batch, attack, batch_size)
    return replace(
        reading,
        remaining=[now if seem else rough for seem, now, rough in zip(seems, sure, reading.remaining, strict=True)],
    )


def recounted(
    batch: BatchState, done: Sequence[int], allowed: Sequence[int], attack: Ascent, batch_size: int
) -> BatchState:
    """The batch with the exact number of active targets in the best iterates of the images that ran out of steps."""
    late = [i for i in done if batch.best_remaining[i] > allowed[i]]
    if not attack.bf16 or not late:
        return batch
    exact = _exactly_remaining(replace(batch, images=batch.best), attack, batch_size)
    return replace(
        batch, best_remaining=tuple(exact[i] if i in late else n for i, n in enumerate(batch.best_remaining))
    )


def gradient_of(
    batch: BatchState, evaluation: Evaluation, attack: Ascent, weights: Tensor | None
) -> tuple[Tensor, State]:
    """(B, 3, H, W): the gradient to step along, and what its transforms remember.

    It is that of the objective's sum, or of the sum with `weights` (B, *N) of an attack without transforms.
    """
    if attack.blind:
        return torch.zeros_like(batch.images), ()
    if weights is not None:
        whole = torch.zeros_like(evaluation.objective.value)  # copies that fill the batch count nothing
        whole[: len(weights)] = weights
        return torch.autograd.grad(evaluation.objective.value, evaluation.images, whole)[0][: len(weights)], ()
    own = None
    if _takes_own(attack):
        value = evaluation.objective.value  # each target counts 1, as in their sum
        own = torch.autograd.grad(value, evaluation.images, value.new_ones(()).expand_as(value))[0]
    if attack.transforms is None:
        assert own is not None
        return of_images(own, len(batch.keys)), ()
    slope = Slope(evaluation.problem, attack.objective, evaluation.progress)
    return attack.transforms.gradient(slope, evaluation.images.detach(), own, batch.generators, batch.remembered)


def _takes_own(attack: Ascent) -> bool:
    """Whether the gradient at the iterate itself is asked for."""
    return not attack.blind and (attack.transforms is None or attack.transforms.takes_own)


def _filled(batch: BatchState, attack: Ascent, batch_size: int) -> tuple[Problem, Tensor, Tensor]:
    """Problem, iterates as the model sees them and their share of the steps, filled up with copies."""
    problem, images, count = batch.problem, model_inputs(batch, attack), len(batch.keys)
    shares = [batch.taken[i % count] / attack.steps for i in range(max(batch_size, count))]
    if count < batch_size:
        copies = torch.arange(batch_size, device=images.device) % count
        problem, images = problem.take(copies), images[copies]
    return problem, images, numbers_on(images.device, shares, torch.get_default_dtype())


def _rough(problem: Problem) -> Problem:
    """The problem with scores that are computed in bfloat16 wherever autocast thinks it safe."""
    exact = problem.scores

    def scores(images: Tensor, *context: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return exact(images, *context).to(images.dtype)

    return replace(problem, scores=scores)


def _remaining(batch: BatchState, objective: ObjectiveValue) -> Tensor:
    """(B,) int64: active targets."""
    active = of_images(objective.active, len(batch.keys))
    return active.sum(dim=tuple(range(1, active.ndim)))


def of_images(values: Tensor, count: int) -> Tensor:
    """The rows of the first `count` images, those that are no copies."""
    return values if len(values) == count else values[:count]


def _exactly_remaining(batch: BatchState, attack: Ascent, batch_size: int) -> list[int]:
    """Active targets in the current iterates without autocast. Records no gradient."""
    problem, images, progress = _filled(batch, attack, batch_size)
    scores = problem.scores(images, *problem.context)
    remaining: list[int] = _remaining(batch, attack.objective(scores, problem, progress)).tolist()
    return remaining
