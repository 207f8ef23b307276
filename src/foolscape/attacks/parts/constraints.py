"""Where a perturbed image may lie, in floats and on the 8-bit grid.

Every constraint measures from an explicit clean image, keeps pixels in [0, 1], and quantises *inside* itself: plain
rounding can leave the ball (eps = 1.5/255 would become 2 levels).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from foolscape.pixels import WHITE, round_to_levels
from foolscape.sending import sent


class Constraint(Protocol):
    """The set of images an attack may return for a clean image. Images are (B, 3, H, W) in [0, 1]."""

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The nearest images inside."""
        ...

    def scaled(self, factor: float) -> Constraint:
        """The same with a radius `factor` times as large."""
        ...

    def random_start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Random images inside, one generator per image."""
        ...

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """(B, 3, H, W) uint8: the 8-bit images near `images` that are still inside; `clean` must be 8-bit values."""
        ...


def uniform_like(images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Uniform numbers in [-1, 1], of the shape, dtype and device of `images`, image i drawn from generator i."""
    drawn = [torch.rand(images.shape[1:], generator=g, dtype=images.dtype) for g in generators]
    return sent(2 * torch.stack(drawn) - 1, images.device)


def inside_cube(images: Tensor, clean: Tensor, eps: Any) -> Tensor:
    """The nearest images within `eps` of `clean` in every channel of every pixel, and in [0, 1].

    `eps` is a number for all images, or (B, 1, 1, 1) for each its own.
    """
    return (images - clean).clamp_(-eps, eps).add_(clean).clamp_(0, 1)


@dataclass(frozen=True)
class PixelRange:
    """No bound but [0, 1]: DAG as in the paper, whose released code does not even clip."""

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """Clip to [0, 1]."""
        del clean
        return images.clamp(0, 1)

    def scaled(self, factor: float) -> PixelRange:
        """Itself: there is no radius."""
        del factor
        return self

    def random_start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Uniform in the whole range."""
        return (uniform_like(clean, generators) + 1) / 2

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """Round to the nearest level."""
        del clean
        return round_to_levels(images)


@dataclass(frozen=True)
class Linf:
    """At most `eps` (in [0, 1]) of change in any channel of any pixel."""

    eps: float

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """Clip to the cube and to [0, 1]."""
        return inside_cube(images, clean, self.eps)

    def scaled(self, factor: float) -> Linf:
        """Of radius `factor` eps."""
        return Linf(self.eps * factor)

    def random_start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Uniform in the cube, clipped to [0, 1]."""
        return self.project(clean + self.eps * uniform_like(clean, generators), clean)

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """Round, but no further from the clean level than the whole levels that `eps` holds."""
        whole = math.floor(self.eps * WHITE + 1e-6)
        origin = round_to_levels(clean).to(torch.int16)
        levels = round_to_levels(images).to(torch.int16)
        return torch.clamp(levels, min=origin - whole, max=origin + whole).to(torch.uint8)


@dataclass(frozen=True)
class L2:
    """A change of Euclidean length at most `eps`, over all channels and pixels of an image in [0, 1]."""

    eps: float

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """Shorten the change to the ball, then clip to [0, 1] (which only shortens it further)."""
        change = images - clean
        shrink = self.eps / _length(change).clamp(min=self.eps)
        return (clean + change * shrink).clamp_(0, 1)

    def scaled(self, factor: float) -> L2:
        """Of radius `factor` eps."""
        return L2(self.eps * factor)

    def random_start(self, clean: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """A random direction of random length up to `eps`."""
        change = uniform_like(clean, generators)
        share = torch.stack([torch.rand((1, 1, 1), generator=g, dtype=clean.dtype) for g in generators])
        return (clean + change * (self.eps * sent(share, clean.device) / _length(change))).clamp_(0, 1)

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """Round; where that leaves the ball, cut every change towards the clean level instead, which cannot."""
        origin = round_to_levels(clean).to(torch.int16)
        rounded = round_to_levels(images).to(torch.int16) - origin
        cut = ((images - clean) * WHITE).trunc().to(torch.int16)
        change = torch.where(_length(rounded.float() / WHITE) > self.eps, cut, rounded)
        return (origin + change).clamp_(0, WHITE).to(torch.uint8)


def _length(change: Tensor) -> Tensor:
    """(B, 1, 1, 1): the Euclidean length of each image's change."""
    length: Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return length
