"""What a step of an attack computes: scores, objective and gradient of the images in progress, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import BatchState, model_inputs
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.transforms import Slope
from foolscape.attacks.parts.updates import State
from foolscape.problem import Problem


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
    with torch.set_grad_enabled(_takes_own(attack)):
        images = images.detach().requires_grad_(_takes_own(attack))
        scores = problem.scores(images, *problem.context)
        return Evaluation(problem, images, progress, scores, attack.objective(scores, problem, progress))


def remaining_in(batch: BatchState, evaluation: Evaluation, attack: Ascent, batch_size: int) -> list[int]:
    """Active targets in the current iterates: the exact number for those that seem to be done."""
    remaining = _remaining(batch, evaluation.objective)
    seems = [now <= allowed for now, allowed in zip(remaining, batch.allowed, strict=True)]
    if not attack.bf16 or not any(seems):
        return remaining
    exact = _exactly_remaining(batch, attack, batch_size)
    return [sure if seem else rough for seem, sure, rough in zip(seems, exact, remaining, strict=True)]


def recounted(batch: BatchState, done: Sequence[int], attack: Ascent, batch_size: int) -> BatchState:
    """The batch with the exact number of active targets in the best iterates of the images that ran out of steps."""
    late = [i for i in done if batch.best_remaining[i] > batch.allowed[i]]
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
    own = torch.autograd.grad(evaluation.objective.value.sum(), evaluation.images)[0] if _takes_own(attack) else None
    if attack.transforms is None:
        assert own is not None
        return own[: len(batch.keys)], ()
    slope = Slope(evaluation.problem, attack.objective, evaluation.progress)
    return attack.transforms.gradient(slope, evaluation.images.detach(), own, batch.generators, batch.remembered)


def _takes_own(attack: Ascent) -> bool:
    """Whether the gradient at the iterate itself is asked for."""
    return not attack.blind and (attack.transforms is None or attack.transforms.takes_own)


def _filled(batch: BatchState, attack: Ascent, batch_size: int) -> tuple[Problem, Tensor, Tensor]:
    """Problem, iterates as the model sees them and their share of the steps, filled up with copies."""
    problem, images = batch.problem, model_inputs(batch, attack)
    taken = torch.tensor(batch.taken, device=images.device)
    if len(batch.keys) < batch_size:
        copies = torch.arange(batch_size, device=images.device) % len(batch.keys)
        problem, images, taken = problem.take(copies), images[copies], taken[copies]
    return problem, images, taken / attack.steps


def _rough(problem: Problem) -> Problem:
    """The problem with scores that are computed in bfloat16 wherever autocast thinks it safe."""
    exact = problem.scores

    def scores(images: Tensor, *context: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return exact(images, *context).to(images.dtype)

    return replace(problem, scores=scores)


def _remaining(batch: BatchState, objective: ObjectiveValue) -> list[int]:
    # One number per image comes to the host, and what follows is decided there.
    remaining: list[int] = objective.active.flatten(1).sum(1)[: len(batch.keys)].tolist()
    return remaining


def _exactly_remaining(batch: BatchState, attack: Ascent, batch_size: int) -> list[int]:
    """Active targets in the current iterates without autocast. Records no gradient."""
    problem, images, progress = _filled(batch, attack, batch_size)
    scores = problem.scores(images, *problem.context)
    return _remaining(batch, attack.objective(scores, problem, progress))
