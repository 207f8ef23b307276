"""Controls: changes as large as the attack's that should not fool anything.

Scores under attack mean little without them: a network that fails under shuffled or random changes of the same size is
merely fragile to noise.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.parts.constraints import Linf, uniform_like
from foolscape.pixels import WHITE, round_to_levels

_BISECTIONS = 24

_ROUNDS = 32
_TRIES, _FEWEST, _MOST = 1 << 16, 4, 64
"""Exchanges tried in a round, and the fewest and most for one place: many when few places are left."""


def shuffled(clean: Tensor, attacked: Tensor, generator: torch.Generator) -> Tensor:
    """PERM: the attack's change with its pixels in random order, the channels of a pixel kept together.

    A pixel's change goes only where it fits inside [0, 255], so that the result is as large as the attack: in a random
    order, pixels whose change would be clipped are exchanged with others until both fit; what fits nowhere after
    `_ROUNDS` goes back to its own pixel, as in `_send_home`.

    Args:
        clean: (3, H, W) uint8.
        attacked: (3, H, W) uint8.
        generator: decides the order; on the CPU.

    Returns:
        (3, H, W) uint8. Source: Xie et al. (2017), Table 1, which permutes rows and columns; here every pixel moves on
        its own.
    """
    origin = _planes(clean)
    change = _planes(attacked) - origin
    places = origin.shape[1]
    order = torch.randperm(places, generator=generator)
    clipped = _clipping(origin, _at(change, order)).nonzero().flatten()
    owner = torch.full((places,), places)
    for _ in range(_ROUNDS):
        if not len(clipped):
            break
        first, second = _exchanges(origin, change, order, clipped, owner, generator)
        order[first], order[second] = order[second], order[first]
        touched = torch.unique(torch.cat([clipped, second]))
        clipped = touched[_clipping(_at(origin, touched), _at(change, order[touched])) > 0]
    _send_home(origin, change, order, clipped.tolist())
    moved = origin + _at(change, order)
    return moved.reshape(clean.shape).to(clean.device, torch.uint8)


def _exchanges(
    origin: Tensor, change: Tensor, order: Tensor, clipped: Tensor, owner: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Pairs of places (K,), (K,) that clip less when they exchange what `order` gives them; no place is in two.

    Every place of `clipped` (J,) is tried with others at random, half of them from `clipped`: where a picture is black
    and white, what does not fit at one place often fits at another, and the other way round. `owner` is a buffer with
    an entry per place, unchanged afterwards.
    """
    count, places = len(clipped), origin.shape[1]
    tries = (count, min(max(_TRIES // count, _FEWEST), _MOST))
    anywhere = torch.randint(places, tries, generator=generator)
    among = clipped[torch.randint(count, tries, generator=generator)]
    others = torch.where(torch.rand(tries, generator=generator) < 0.5, among, anywhere)
    own, there = _at(origin, clipped)[..., None], _at(origin, others)
    mine, theirs = _at(change, order[clipped])[..., None], _at(change, order[others])
    before = _clipping(own, mine) + _clipping(there, theirs)
    gain = before - _clipping(own, theirs) - _clipping(there, mine)
    best, chosen = gain.max(dim=1)
    second = others.gather(1, chosen[:, None])[:, 0]
    willing = best > 0
    first, second = clipped[willing], second[willing]
    rank = torch.arange(len(first))
    owner.scatter_reduce_(0, first, rank, "amin").scatter_reduce_(0, second, rank, "amin")
    alone = (owner[first] == rank) & (owner[second] == rank)
    owner[first] = owner[second] = places
    return first[alone], second[alone]


def _send_home(origin: Tensor, change: Tensor, order: Tensor, clipped: list[int]) -> None:
    """Make what `order` gives to the places `clipped` fit, too, by changing `order` in place.

    A place takes back its own change, which fits, and hands on the one it had to where its own was; and so on until
    that fits. The way ends where the change that is handed on has its own place, if not before.
    """
    if not clipped:
        return
    pixels: NDArray[np.int32] = origin.numpy().T
    changes: NDArray[np.int32] = change.numpy().T
    sources: NDArray[np.int64] = order.numpy()
    where = np.empty_like(sources)
    where[sources] = np.arange(len(sources))
    for place in clipped:
        index = sources[place]
        while not _fits(pixels[place], changes[index]):
            onward = where[place]
            sources[place] = where[place] = place
            place = onward
        sources[place], where[index] = index, place


def _fits(pixel: NDArray[np.int32], change: NDArray[np.int32]) -> bool:
    wanted = pixel + change
    return bool(wanted.min() >= 0 and wanted.max() <= WHITE)


def _clipping(origin: Tensor, change: Tensor) -> Tensor:
    """(3, ...) int32 each -> (...) int32: what would be cut off at 0 and 255, squared, summed over the channels."""
    beyond = origin + change
    beyond -= beyond.clamp(0, WHITE)
    beyond *= beyond
    return beyond[0] + beyond[1] + beyond[2]


def _at(planes: Tensor, places: Tensor) -> Tensor:
    """(3, N), and (...) int64 places -> (3, ...); several times as fast as indexing."""
    return planes.index_select(1, places.flatten()).view(3, *places.shape)


def _planes(image: Tensor) -> Tensor:
    """(3, H, W) uint8 -> (3, H * W) int32 on the CPU: channels apart, since sums over neighbours are slow."""
    return image.to("cpu", torch.int32).flatten(1)


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
