"""What every tracker is handed: frames and a first mask, checked, and the mask as one map per object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foolscape.errors import SampleError


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


def one_hot(first_mask: Tensor, frames: Tensor) -> Tensor:
    """(K, H, W), 1 where the label map `first_mask` (H, W) has object i, in the dtype of `frames` (T, 3, H, W).

    Raises:
        SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
    """
    if first_mask.shape != frames.shape[2:]:
        raise SampleError(
            f"expected a first mask of the frames' size {tuple(frames.shape[2:])}, got {tuple(first_mask.shape)}; "
            "resize it with nearest neighbour"
        )
    labels = torch.unique(first_mask).tolist()
    objects = [label for label in labels if label != 0]
    if not objects or objects != list(range(1, len(objects) + 1)):
        raise SampleError(
            f"expected a first mask with the labels 1 to K and 0 for the background, got {labels[:9]}; number the "
            "objects without a gap, and make void pixels background"
        )
    return torch.stack([first_mask == label for label in objects]).to(frames)


def with_background(masks: Tensor) -> Tensor:
    """(K + 1, H, W) of `masks` (K, H, W) that do not overlap: the background first, summing to 1."""
    return torch.cat([1 - masks.sum(dim=0, keepdim=True), masks])
