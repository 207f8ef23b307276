"""Networks whose answer is smaller than the image by a constant: convolutions without padding, or a crop.

Such an answer lies somewhere in the image; to stretch it would move everything. Where it lies is found out by trying
(`models.probe.placing`), and the image is mirrored at its edges until the answer covers it, as Ronneberger et al.
(2015, U-Net, section 2, "overlap-tile strategy") do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Margins:
    """How many rows and columns of mirrored image a network needs around an image, to answer for all of it."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def mirrored(self, images: Tensor) -> Tensor:
        """`images` (B, C, H, W), mirrored at the edges; the outermost row and column are not repeated."""
        # Concatenating has a deterministic backward pass on CUDA; functional.pad(mode="reflect") has not.
        images = _extended(images, 2, self.top, self.bottom)
        return _extended(images, 3, self.left, self.right)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is done, for the reader of a table."""
        if self == NONE:
            return ()
        return (
            f"the network's answer is smaller than its input by {self.top + self.bottom} x {self.left + self.right} "
            f"pixels, as of convolutions without padding: images are mirrored by {self.top} rows above, {self.bottom} "
            f"below, {self.left} columns at the left and {self.right} at the right, so that it covers them",
        )


NONE: Final = Margins()
"""Of a network that answers for all of an image."""


class Mirrored(nn.Module):
    """A network that is handed images with mirrored edges."""

    def __init__(self, module: nn.Module, margins: Margins) -> None:
        super().__init__()
        self.module = module
        self.margins = margins

    def forward(self, images: Tensor) -> object:
        """What the network makes of `images` (B, 3, H, W) and their mirrored edges."""
        return self.module(self.margins.mirrored(images))


def _extended(images: Tensor, axis: int, before: int, behind: int) -> Tensor:
    """`images` with so many rows (axis 2) or columns (3) mirrored at either end; as often as the image is long."""
    while before or behind:
        side = images.shape[axis]
        head, tail = min(before, side - 1), min(behind, side - 1)
        if side == 1:  # nothing to mirror: the one row there is
            return torch.cat([images] * (before + behind + 1), dim=axis)
        parts = (images.narrow(axis, 1, head).flip(axis), images, images.narrow(axis, side - 1 - tail, tail).flip(axis))
        images = torch.cat(parts, dim=axis)
        before, behind = before - head, behind - tail
    return images
