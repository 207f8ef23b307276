"""What a step of an attack sees: scores, objective and gradient of the images in progress, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import Flight, as_looked_at
from foolscape.attacks.parts.objectives import Seen
from foolscape.attacks.parts.transforms import Slope
from foolscape.attacks.parts.updates import State
from foolscape.problem import Problem


@dataclass(frozen=True)
class Look:
    """The current iterates as the model and the objective see them, copies that fill the batch included."""

    problem: Problem
    images: Tensor
    progress: Tensor
    scores: Tensor
    seen: Seen


def look_at(flight: Flight, attack: Ascent, width: int) -> Look:
    """The look of a step; its scores are of bfloat16 where the attack says so."""
    problem, images, progress = _filled(flight, attack, width)
    if attack.bf16:
        problem = _rough(problem)
    with torch.set_grad_enabled(_takes_own(attack)):
        images = images.detach().requires_grad_(_takes_own(attack))
        scores = problem.scores(images, *problem.context)
        return Look(problem, images, progress, scores, attack.objective(scores, problem, progress))


def left_in(flight: Flight, look: Look, attack: Ascent, width: int) -> list[int]:
    """Active targets in the current iterates: the exact number for those that seem to be done."""
    left = _left(flight, look.seen)
    seems = [now <= allowed for now, allowed in zip(left, flight.allowed, strict=True)]
    if not attack.bf16 or not any(seems):
        return left
    exact = _exactly_left(flight, attack, width)
    return [sure if seem else rough for seem, sure, rough in zip(seems, exact, left, strict=True)]


def recounted(flight: Flight, done: Sequence[int], attack: Ascent, width: int) -> Flight:
    """The flight with the exact number of active targets in the best iterates of the images that ran out of steps."""
    late = [i for i in done if flight.best_left[i] > flight.allowed[i]]
    if not attack.bf16 or not late:
        return flight
    exact = _exactly_left(replace(flight, images=flight.best), attack, width)
    return replace(flight, best_left=tuple(exact[i] if i in late else n for i, n in enumerate(flight.best_left)))


def gradient_of(flight: Flight, look: Look, attack: Ascent, weights: Tensor | None) -> tuple[Tensor, State]:
    """(B, 3, H, W): the gradient to step along, and what its boost remembers.

    It is that of the objective's sum, or of the sum with `weights` (B, *N) of an attack without a boost.
    """
    if attack.blind:
        return torch.zeros_like(flight.images), ()
    if weights is not None:
        whole = torch.zeros_like(look.seen.value)  # copies that fill the batch count nothing
        whole[: len(weights)] = weights
        return torch.autograd.grad(look.seen.value, look.images, whole)[0][: len(weights)], ()
    own = torch.autograd.grad(look.seen.value.sum(), look.images)[0] if _takes_own(attack) else None
    if attack.boost is None:
        assert own is not None
        return own[: len(flight.keys)], ()
    slope = Slope(look.problem, attack.objective, look.progress)
    return attack.boost.gradient(slope, look.images.detach(), own, flight.generators, flight.remembered)


def _takes_own(attack: Ascent) -> bool:
    """Whether the gradient at the iterate itself is asked for."""
    return not attack.blind and (attack.boost is None or attack.boost.takes_own)


def _filled(flight: Flight, attack: Ascent, width: int) -> tuple[Problem, Tensor, Tensor]:
    """The problem, the iterates as the model sees them and their share of the steps, with copies up to the width."""
    problem, images = flight.problem, as_looked_at(flight, attack)
    taken = torch.tensor(flight.taken, device=images.device)
    if len(flight.keys) < width:
        copies = torch.arange(width, device=images.device) % len(flight.keys)
        problem, images, taken = problem.take(copies), images[copies], taken[copies]
    return problem, images, taken / attack.steps


def _rough(problem: Problem) -> Problem:
    """The problem with scores that are computed in bfloat16 wherever autocast thinks it safe."""
    exact = problem.scores

    def scores(images: Tensor, *context: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return exact(images, *context).to(images.dtype)

    return replace(problem, scores=scores)


def _left(flight: Flight, seen: Seen) -> list[int]:
    # One number per image comes to the host, and what follows is decided there.
    left: list[int] = seen.active.flatten(1).sum(1)[: len(flight.keys)].tolist()
    return left


def _exactly_left(flight: Flight, attack: Ascent, width: int) -> list[int]:
    """Active targets in the current iterates without autocast. No gradient is recorded, for none is asked for."""
    problem, images, progress = _filled(flight, attack, width)
    scores = problem.scores(images, *problem.context)
    return _left(flight, attack.objective(scores, problem, progress))
