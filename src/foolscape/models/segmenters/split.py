"""Images that a network sees in squares side by side, or padded to one, as EoMT's image processor hands them on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.sending import numbers_on

Forward = Callable[[Tensor, tuple[int, int]], Tensor]
"""Class scores (B, C, h, w) of what the network sees, its masks resized to (h, w)."""


@dataclass(frozen=True)
class Split:
    """How images that are resized already become what the network sees.

    Attributes:
        size: (H, W) of that.
        squares: cut into squares along the longer side, as few as cover it, which overlap evenly.
        padded: filled up with zeros (before normalisation) at the bottom and the right.
        fill: (3,) what zeros are when they are normalised.
    """

    size: tuple[int, int]
    squares: bool
    padded: bool
    fill: tuple[float, ...]

    @staticmethod
    def of(processor: Any) -> Split:
        """What `processor` is configured to do."""
        size = {key: value for key, value in dict(processor.size).items() if value}
        height = int(size.get("shortest_edge") or size["height"])
        width = int(size.get("longest_edge") or size.get("width") or height)
        fill = (0.0,) * 3
        if processor.do_normalize:
            fill = tuple(-m / s for m, s in zip(processor.image_mean, processor.image_std, strict=True))
        return Split((height, width), bool(processor.do_split_image), bool(processor.do_pad), fill)

    def joined(self, images: Tensor, forward: Forward) -> Tensor:
        """(B, C, H, W) scores of `images` (B, 3, H, W): those of its squares, averaged where they overlap."""
        if not self.squares:
            return self._padded(images, forward)
        down = images.shape[2] > images.shape[3]
        along = 2 if down else 3
        total: Tensor | None = None
        for start, end in spans(images.shape[along], self.size[0]):
            scores = self._padded(images.narrow(along, start, end - start), forward)
            behind = images.shape[along] - end
            spread = functional.pad(scores, (0, 0, start, behind) if down else (start, behind, 0, 0))
            total = spread if total is None else total + spread
        assert total is not None
        counts = torch.zeros(images.shape[along], device=images.device, dtype=total.dtype)
        for start, end in spans(images.shape[along], self.size[0]):
            counts[start:end] += 1
        return total / (counts[:, None] if down else counts)

    def _padded(self, images: Tensor, forward: Forward) -> Tensor:
        """Scores of `images`, at their size where they are padded, else at `size`."""
        batch, channels, height, width = images.shape
        down, right = max(0, self.size[0] - height), max(0, self.size[1] - width)
        if not self.padded or (down == 0 and right == 0):
            return forward(images, self.size)
        blank = numbers_on(images.device, self.fill, images.dtype).view(1, 3, 1, 1)
        inside = torch.cat([images, blank.expand(batch, channels, down, width)], dim=2)
        inside = torch.cat([inside, blank.expand(batch, channels, height + down, right)], dim=3)
        return forward(inside, self.size)[:, :, :height, :width]


def spans(length: int, side: int) -> list[tuple[int, int]]:
    """Where squares of `side` lie along `length`: as few as cover it, evenly overlapping; one where it is shorter."""
    count = max(1, math.ceil(length / side))
    overlap = (count * side - length) / (count - 1) if count > 1 else 0.0
    starts = [int(i * (side - overlap)) for i in range(count)]
    return [(start, min(length, start + side)) for start in starts]
