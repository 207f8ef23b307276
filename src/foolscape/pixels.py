"""Pixels: 8-bit grey levels and the float range [0, 1] that networks and attacks work in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foolscape.errors import SettingError
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


def check_images(images: object) -> Tensor:
    """`images`, if they are (B, 3, H, W) float in [0, 1]; else SettingError."""
    import torch

    if not isinstance(images, torch.Tensor):
        raise SettingError(
            f"images: expected a torch.Tensor (B, 3, H, W) in [0, 1], got {type(images).__module__}."
            f"{type(images).__name__}; for an array (B, H, W, 3) of uint8 write "
            "torch.from_numpy(array).permute(0, 3, 1, 2) / 255"
        )
    if not images.is_floating_point():
        raise SettingError(f"images: expected float values in [0, 1], got {images.dtype}; write images / 255")
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        raise SettingError(f"images: expected (B, 3, H, W), got {tuple(images.shape)}{_order(images)}")
    images = images.detach()
    if images.device.type == "meta":
        raise SettingError("images: expected values, got a tensor on the device meta, which holds none")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        shift = 1 < high <= 255 and low >= 0
        advice = "; write images / 255" if shift else "; undo the normalisation, and do it in the model's forward"
        raise SettingError(f"images: expected values in [0, 1], got {low:.4g} to {high:.4g}{advice}")
    return images


def _order(images: Tensor) -> str:
    if images.ndim == 4 and images.shape[-1] == 3:
        return "; write images.permute(0, 3, 1, 2)"
    return "; write images[None]" if images.ndim == 3 and images.shape[0] == 3 else ""
