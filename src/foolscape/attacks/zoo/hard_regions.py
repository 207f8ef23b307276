"""ARA's hard-region discovery: a small network that learns, while the attack runs, where the first frame is fragile.

Li et al. 2024 (Adversarial Attacks on Video Object Segmentation with Hard Region Discovery, IEEE TCSVT 34(6),
arXiv 2309.13857). From the gradient of the first frame the network predicts which pixels are hard, and the step of the
attack is lengthened there: sign(G) * (1 + map).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.updates import Direction, State
from foolscape.problem import Problem
from foolscape.sending import sent

HARD: Final = math.log(2.0)
"""A pixel is hard where the truth has a probability below one half: a negative log-likelihood above this."""

_RATE, _DECAY = 0.1, 0.01  # Adam's step and weight decay in the released code
_MEMORIES, _TINY = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class Discovery:
    """The network: layer norm over the channels, 1x1 to `width`, ReLU, 3x3, ReLU, 1x1 to one logit per pixel.

    Everything about one clip is in two vectors, so that clips can leave a batch: the weights, and Adam's two running
    means behind each other with the number of its steps in front.

    Attributes:
        width: of the hidden layers; 512 in the released code, at 2.4 million multiplications a pixel.
    """

    width: int

    def born(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Fresh weights (P,), drawn as PyTorch draws a convolution's, and Adam's memory (1 + 2 P,) of nothing."""
        parts = []
        for shape in self._shapes:
            if len(shape) == 4:
                bound = 1 / math.sqrt(shape[1] * shape[2] * shape[3])
            parts.append((2 * torch.rand(shape, generator=generator) - 1).flatten() * bound)
        weights = torch.cat([torch.ones(3), torch.zeros(3), *parts])
        return weights, torch.zeros(1 + 2 * len(weights))

    def learn(self, gradient: Tensor, hard: Tensor, weights: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The map before, and the network after, one step of Adam on the binary cross-entropy to `hard`.

        Args:
            gradient: (3, H, W) of the loss with respect to the first frame.
            hard: (H, W) bool.
            weights, memory: as from `born`.

        Returns:
            The map (H, W) in [0, 1], and the next weights and memory.
        """
        with torch.enable_grad():
            learnt = weights.detach().requires_grad_(True)
            logits = self._logits(gradient, learnt)
            loss = functional.binary_cross_entropy_with_logits(logits, hard.to(logits.dtype))
            (slope,) = torch.autograd.grad(loss, learnt)
        return logits.detach().sigmoid(), *_adam(weights, slope, memory)

    @property
    def _shapes(self) -> tuple[tuple[int, ...], ...]:
        w = self.width
        return (w, 3, 1, 1), (w,), (w, w, 3, 3), (w,), (1, w, 1, 1), (1,)

    def _logits(self, gradient: Tensor, weights: Tensor) -> Tensor:
        gain, shift, *rest = torch.split(weights, [3, 3, *(math.prod(shape) for shape in self._shapes)])
        into, into_bias, deep, deep_bias, out, out_bias = (
            part.view(shape) for part, shape in zip(rest, self._shapes, strict=True)
        )
        middle, spread = gradient.mean(dim=0), gradient.var(dim=0, unbiased=False)
        # 1e-6 keeps the root finite where the three channels agree.
        maps = (gradient - middle) / (spread + 1e-6).sqrt() * gain[:, None, None] + shift[:, None, None]
        maps = functional.conv2d(maps[None], into, into_bias).relu()
        maps = functional.conv2d(maps, deep, deep_bias, padding=1).relu()
        return functional.conv2d(maps, out, out_bias)[0, 0]


@dataclass(frozen=True)
class HardRegions(Direction):
    """The sign of the gradient, up to twice as long where `Discovery` finds the first frame hard: ARA.

    A pixel is hard if any later frame of the window has it wrong by more than `HARD`. The released code asks the first
    frame's own loss, which is a constant, because its mask is given (docs/attacks.md has the numbers). It also hands
    its network gradients so small that the layer norm makes them 0; here they are divided by their root mean square.
    The network is born with each clip.

    Attributes:
        discovery: the network.
        levelled: use the map's mean everywhere: the control that tells whether it matters where the map is high.
    """

    discovery: Discovery
    levelled: bool = False

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """A network per clip."""
        born = [self.discovery.born(generator) for generator in generators]
        like = problem.images
        return tuple(sent(torch.stack(parts).to(like.dtype), like.device) for parts in zip(*born, strict=True))

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """sign(g) (1 + map), from 1 to 2."""
        hard = (objective.value.detach() > HARD).any(dim=1)
        size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_(min=torch.finfo(gradient.dtype).tiny)
        learnt = [
            self.discovery.learn(g, h, weights, memory)
            for g, h, weights, memory in zip(gradient / size, hard, *state, strict=True)
        ]
        maps, weights, memory = (torch.stack(parts) for parts in zip(*learnt, strict=True))
        if self.levelled:
            maps = maps.mean(dim=(1, 2), keepdim=True).expand_as(maps)
        return gradient.sign() * (1 + maps[:, None]), (weights, memory)


def _adam(weights: Tensor, slope: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """One step of Adam (Kingma and Ba 2015) with weight decay added to the gradient, as torch.optim.Adam has it."""
    count = memory[0] + 1
    first, second = memory[1:].chunk(2)
    slope = slope + _DECAY * weights
    first = _MEMORIES[0] * first + (1 - _MEMORIES[0]) * slope
    second = _MEMORIES[1] * second + (1 - _MEMORIES[1]) * slope.square()
    size = (second / (1 - _MEMORIES[1] ** count)).sqrt() + _TINY
    moved = weights - _RATE * first / (1 - _MEMORIES[0] ** count) / size
    return moved, torch.cat([count[None], first, second])
