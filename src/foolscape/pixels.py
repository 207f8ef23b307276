"""Pixels: 8-bit grey levels and the float range [0, 1] that networks and attacks work in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foolscape.grey_levels import WHITE as WHITE
from foolscape.grey_levels import Levels as Levels
from foolscape.grey_levels import levels as levels

if TYPE_CHECKING:  # settings are read without torch, and bounds are settings
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def to_unit(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]; a copy."""
    import torch

    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].contiguous().float() / WHITE


def to_image(levels: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) uint8 -> (H, W, 3) uint8 array on the CPU; a copy."""
    import numpy as np

    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def round_to_levels(images: Tensor) -> Tensor:
    """Float images in [0, 1] -> uint8 of the same shape, rounded to the nearest level."""
    import torch

    return (images * WHITE).round().clamp(0, WHITE).to(torch.uint8)
