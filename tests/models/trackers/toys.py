"""Small trackers as users write them, and clips."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Way = Callable[[Tensor, Tensor], object]


def clip(count: int = 4, size: tuple[int, int] = (24, 40)) -> Tensor:
    """(T, 3, H, W): blots that move to the right by two pixels a frame."""
    coarse = torch.rand((1, 3, 5, 8), generator=torch.Generator().manual_seed(3))
    image = nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return torch.cat([image.roll(2 * t, dims=3) for t in range(count)])


def mask(objects: int = 1, size: tuple[int, int] = (24, 40)) -> Tensor:
    """(H, W) int64: blocks side by side."""
    found = torch.zeros(size, dtype=torch.int64)
    for label in range(1, objects + 1):
        found[6:18, 2 + 10 * (label - 1) : 10 * label] = label
    return found


def scores(frames: Tensor, first_mask: Tensor) -> Tensor:
    """(T, K + 1, H, W) log-odds: labels stay where they are, as far as the colour does."""
    hot = nn.functional.one_hot(first_mask, int(first_mask.max()) + 1).movedim(2, 0).to(frames)
    change = (frames - frames[:1]).square().sum(dim=1, keepdim=True)
    return 6 * hot * (1 - 0.3 * change)


class Net(nn.Module):
    """A network that is called with frames and mask, and goes `way`."""

    notes = ("labels stay where they are",)

    def __init__(self, way: Way = scores) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.way = way

    def forward(self, frames: Tensor, first_mask: Tensor) -> object:
        return self.way(frames * self.weight, first_mask)


class Thing:
    """An object with a method `propagate`, which goes `way`."""

    def __init__(self, way: Way) -> None:
        self.way = way

    def propagate(self, frames: Tensor, first_mask: Tensor) -> object:
        return self.way(frames, first_mask)


class Pixels(nn.Module):
    """A backbone of stride 4 whose cell i stands for pixels 4 i to 4 i + 3."""

    def __init__(self, channels: int = 12) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.patches = nn.Conv2d(3, channels, 4, stride=4)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[2] % 4 or images.shape[3] % 4:
            raise ValueError("sides must be multiples of 4")
        return torch.tanh(4 * self.patches(images))
