"""What every tracker is handed, checked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def check_frames(frames: Tensor) -> None:
    """Raise `ValueError` unless `frames` are float (N, 3, H, W)."""
    if frames.ndim != 4 or frames.shape[1] != 3 or not frames.is_floating_point():
        raise ValueError(f"expected float RGB frames (T, 3, H, W), got {tuple(frames.shape)} of {frames.dtype}")


def check_clip(frames: Tensor, features: Sequence[object] | None) -> None:
    """Raise `ValueError` unless `frames` are float (T, 3, H, W), T >= 1, and `features` (if given) T - 1 records."""
    check_frames(frames)
    if not len(frames):
        raise ValueError("expected at least one frame, got none")
    if features is not None and len(features) != len(frames) - 1:
        raise ValueError(f"expected features of all frames but the first, {len(frames) - 1}, got {len(features)}")


def with_background(masks: Tensor) -> Tensor:
    """(K + 1, H, W) of `masks` (K, H, W) that do not overlap: the background first, summing to 1."""
    return torch.cat([1 - masks.sum(dim=0, keepdim=True), masks])
