"""ARA as the authors' code does it, deviations from their paper included, so that both can be compared.

Behaviour, not code, of the release of Li et al. 2024 (single commit of 2023-09-26), as docs/attacks.md lists it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.parts.constraints import uniform_like
from foolscape.attacks.plan import AttackMemory
from foolscape.attacks.zoo.hard_regions import HARD, Discovery
from foolscape.problem import Problem, likeliest

_DEVIATION: Final = (0.229, 0.224, 0.225)
"""Of the channels: the released code draws its noise and takes its gradient in pixels divided by this."""

Network = tuple[Tensor, Tensor]
"""The weights and Adam's memory of a `Discovery`."""


class _Clip(NamedTuple):
    """A clip on its way.

    Attributes:
        frames: (T, 3, H, W), as they are now.
        centre: the frames that the bound is about; None before the first step.
        network: that learns.
    """

    frames: Tensor
    centre: Tensor | None
    network: Network


@dataclass(frozen=True)
class ReleasedAra:
    """The settings of the release.

    Attributes:
        eps, step: in [0, 1].
        steps: taken, all of them.
        discovery: the network.
        seed: of the network before the first clip.
    """

    eps: float
    step: float
    steps: int
    discovery: Discovery
    seed: int = 0

    def __call__(
        self, items: Iterable[AttackItem], ascent: Ascent, *, batch_size: int, memory: AttackMemory
    ) -> Iterator[Outcome]:
        """Attack clip after clip; one network learns from all of them, in their order."""
        del ascent, batch_size  # its bound moves, and it takes one clip at a time
        network = memory.load() or self.discovery.born(torch.Generator().manual_seed(self.seed))
        for item in items:
            begin = time.perf_counter()
            frame, network, failure = self._attacked(item, network)
            memory.save(item.key, network)
            yield self._outcome(item, frame, failure, time.perf_counter() - begin)

    def _attacked(self, item: AttackItem, network: Network) -> tuple[Tensor, Network, str | None]:
        """The first frame (1, 3, H, W) after the attack, the network, and why the attack was given up."""
        problem = item.problem
        device = problem.images.device
        weights, memory = (part.to(device) for part in network)
        deviation = problem.images.new_tensor(_DEVIATION)[:, None, None]
        frames = torch.cat([problem.images, problem.context[0][0]])
        noise = torch.stack([uniform_like(frame[None], [item.generator])[0] for frame in frames])
        frames = frames + self.eps * deviation * noise
        clip = _Clip(frames, None, (weights, memory))
        hard = _hard_by_its_own_mask(problem)
        for _ in range(self.steps):
            stepped = self._step(problem, clip, hard, deviation)
            if stepped is None:
                return clip.frames[:1], network, "the gradient to the input is not finite"
            clip = stepped
        weights, memory = clip.network
        return clip.frames[:1], (weights.cpu(), memory.cpu()), None

    def _step(self, problem: Problem, clip: _Clip, hard: Tensor, deviation: Tensor) -> _Clip | None:
        """The clip after one more step; None where the gradient is not finite. The host waits for that answer alone."""
        gradient = _gradient(problem, clip.frames)
        if not bool(torch.isfinite(gradient).all()):
            return None
        hardness, *network = self.discovery.learn(gradient[0] * deviation, hard, *clip.network)
        direction = gradient.sign()
        direction[0] *= 1 + hardness
        frames = clip.frames + self.step * direction
        # The clean frames are another name for the attacked ones until here: noise and first step move them, too.
        centre = frames if clip.centre is None else clip.centre
        frames = (frames - centre).clamp(-self.eps, self.eps).add(centre).clamp(0, 1)
        return _Clip(frames, centre, (network[0], network[1]))

    def _outcome(self, item: AttackItem, frame: Tensor, failure: str | None, seconds: float) -> Outcome:
        problem = item.problem
        with torch.no_grad():
            right = likeliest(problem.scores(frame, *problem.context)) == problem.labels
        return Outcome(
            key=item.key,
            clean=problem.images,
            adversarial=frame,
            claimed=False,
            iterations=self.steps,
            remaining=int((right & problem.counted).sum()),
            targets=int(problem.counted.sum()),
            seconds=seconds,
            failure=failure,
        )


def _gradient(problem: Problem, frames: Tensor) -> Tensor:
    """(T, 3, H, W): of the mean cross-entropy, which takes the probabilities for scores, in all frames of the window.

    The first frame's own part of the mean is a constant: its mask is given.
    """
    frames = frames.detach().requires_grad_(True)
    probabilities = problem.scores(frames[:1], frames[None, 1:], *problem.context[1:]).exp()
    own = probabilities.gather(1, problem.index[:, None])[:, 0]
    losses = torch.where(problem.counted, probabilities.logsumexp(dim=1) - own, 0)
    pixels = frames.shape[0] * frames.shape[2] * frames.shape[3]
    (gradient,) = torch.autograd.grad(losses.sum() / pixels, frames)
    return gradient


def _hard_by_its_own_mask(problem: Problem) -> Tensor:
    """(H, W) bool: where the given mask of the first frame, taken for a prediction, has a cross-entropy above log 2.

    Its probabilities are 1 and K times 0, so the cross-entropy is log (e + K) - 1 everywhere: 0.313 for one object,
    0.551 for two, 0.744 for three. Nothing is hard with one or two objects, and everything with more.
    """
    objects = int(problem.context[1].max())
    hard = math.log(math.e + objects) - 1 > HARD
    return torch.full(problem.images.shape[2:], hard, device=problem.images.device)
