"""Models and problems small enough to know the right answer of."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.attacks.engine.batch import AttackItem
from foolscape.problem import Problem
from foolscape.seeds import generator_for


def linear_net(classes: int = 4, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A 1x1 convolution: the scores of a pixel are linear in its colour, and equal at mid-grey."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = nn.Conv2d(3, classes, 1)
        nn.init.normal_(net.weight, std=4.0)
        assert net.bias is not None
        net.bias.data = -net.weight.sum(dim=(1, 2, 3)) / 2
    return net.to(dtype).requires_grad_(False)


class Centred(nn.Module):
    """Shifts mid-grey to 0."""

    def forward(self, images: Tensor) -> Tensor:
        return images - 0.5


def conv_net(classes: int = 4, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A 3x3 convolution, a smooth activation and a 1x1 convolution, whose classes meet at mid-grey."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, last = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.Conv2d(16, classes, 1, bias=False)
        nn.init.normal_(first.weight)
        nn.init.normal_(last.weight)
    return nn.Sequential(Centred(), first, nn.Softsign(), last).to(dtype).requires_grad_(False)


def pictures(count: int, height: int = 12, width: int = 16, dtype: torch.dtype = torch.float32) -> Tensor:
    """(count, 3, height, width) smooth random images of whole grey levels, a few levels around mid-grey."""
    coarse = torch.rand(count, 3, 3, 4, generator=generator_for(0, "pictures"), dtype=torch.float64)
    smooth = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    return ((110 + 35 * smooth).round() / 255).to(dtype)


def problem_of(net: nn.Module, images: Tensor, target: Tensor | None = None) -> Problem:
    """Labels are the clean prediction: everything is right at the start."""
    return Problem(images=images, labels=net(images).argmax(1), target=target, scores=net)


def entrants(problem: Problem, seed: int = 0) -> Iterable[AttackItem]:
    """One entrant per image, named by its place."""
    for i in range(len(problem)):
        yield AttackItem(str(i), problem.take(torch.tensor([i])), generator_for(seed, str(i)))
