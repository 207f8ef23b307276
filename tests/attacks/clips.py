"""A tracker small enough to be understood: an object is where the colour is near its mean colour in the first frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class ColourTracker:
    """Softmax over negative squared distances to the mean colours of background and objects, after a small blur."""

    notes: tuple[str, ...] = ()
    sharpness: float = 30.0

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        given = functional.one_hot(first_mask).permute(2, 0, 1).to(frames)
        seen = functional.avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False)
        means = torch.einsum("khw,chw->kc", given, seen[0]) / given.sum(dim=(1, 2))[:, None]
        distance = (seen[:, None] - means[None, :, :, None, None]).square().sum(dim=2)
        later = (-self.sharpness * distance).softmax(dim=1)
        return torch.cat([given[None], later[1:]])


def moving_squares(frames: int = 5, objects: int = 1, size: int = 24) -> tuple[Tensor, Tensor]:
    """(T, 3, H, W) whole grey levels in [0, 1] and (T, H, W) int64 truth: squares that move right on a grey ground."""
    generator = torch.Generator().manual_seed(4)
    labels = torch.zeros(frames, size, 2 * size, dtype=torch.int64)
    for t in range(frames):
        for k in range(objects):
            top = 2 + k * (size // objects)
            labels[t, top : top + min(9, size // objects - 3), 4 + 2 * t : 18 + 2 * t] = k + 1
    colours = torch.tensor([[0.45, 0.5, 0.5], [0.62, 0.5, 0.42], [0.4, 0.62, 0.5], [0.5, 0.4, 0.66]])
    clean = colours[labels].permute(0, 3, 1, 2) + 0.02 * torch.randn(frames, 3, 1, 1, generator=generator)
    return (clean * 255).round().clamp(0, 255) / 255, labels
