"""Controls: changes as large as the attack's that should not fool anything.

An attack's table means little without them: a network that falls to shuffled or random changes of the same size is
merely fragile to noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from foolscape.attacks.constraints import Linf, uniform_like
from foolscape.pixels import WHITE, round_to_levels

_BISECTIONS = 24


def shuffled(clean: Tensor, attacked: Tensor, generator: torch.Generator) -> Tensor:
    """PERM: the attack's change with its pixels in random order, the channels of a pixel kept together.

    Args:
        clean: (3, H, W) uint8.
        attacked: (3, H, W) uint8.
        generator: decides the order.

    Returns:
        (3, H, W) uint8, clipped to the pixel range. Source: Xie et al. (2017), Table 1, which permutes rows and
        columns; here every pixel moves on its own.
    """
    change = (attacked.to(torch.int16) - clean.to(torch.int16)).flatten(1)
    order = torch.randperm(change.shape[1], generator=generator).to(change.device)
    moved = change[:, order].reshape(clean.shape)
    return (clean.to(torch.int16) + moved).clamp_(0, WHITE).to(torch.uint8)


def noise_within(clean: Tensor, constraint: Linf, generator: torch.Generator) -> Tensor:
    """Uniform noise in [-eps, eps], quantised inside the bound; `clean` and the result are (3, H, W) uint8."""
    images = clean[None].float() / WHITE
    return constraint.quantise(constraint.random_start(images, [generator]), images)[0]


def noise_of_length(clean: Tensor, attacked: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform noise whose change, at 8 bits and after clipping, is as long (L2) as the attack's; (3, H, W) uint8.

    The amplitude is found by bisection, since rounding swallows small noise and clipping shortens large noise.
    """
    origin = clean.float() / WHITE
    shape = uniform_like(origin[None], [generator])[0]
    wanted = _length(attacked, clean)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _length(round_to_levels(origin + middle * shape), clean) < wanted:
            low = middle
        else:
            high = middle
    return round_to_levels(origin + high * shape) if wanted > 0 else clean.clone()


def _length(images: Tensor, clean: Tensor) -> float:
    return float((images.float() - clean.float()).norm())
