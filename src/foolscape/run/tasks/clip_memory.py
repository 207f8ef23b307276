"""Whether a clip fits into memory, before it is tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch

from foolscape.data.clips import Clip
from foolscape.errors import SampleError
from foolscape.extras import extra

_GIB: Final = 2**30
_KEPT: Final = 2 * _GIB
"""What a tracker makes of the later frames is kept from one condition to the next up to this size."""

_COPIES: Final = 3
"""Frames and probabilities are in memory one by one, as one tensor, and in the arithmetic of the moment."""


def check_memory(clip: Clip) -> None:
    """Refuse, with a `SampleError`, a clip whose frames and probabilities alone do not fit into the free memory.

    The network and its own memory come on top of it; a clip that passes here can still be too long for a large one.
    """
    with extra("video"):
        import psutil

    frames, height, width, _ = clip.frames.shape
    objects = max(len(set(start.mask.flat)) for start in clip.given)
    needed = 4 * _COPIES * frames * height * width * (3 + objects)
    free = psutil.virtual_memory().available
    if needed > free:
        raise SampleError(
            f"expected a clip that fits into memory, got {clip.id} of {frames} frames of {height}x{width}, which takes "
            f"about {needed / _GIB:.1f} GiB where {free / _GIB:.1f} are free; give a smaller --size, or cut the clip"
        )


def worth_keeping(features: Any, frames: int) -> bool:
    """Whether what one frame was made into may be kept for this many frames."""
    return sum(tensor.nbytes for tensor in _tensors(features)) * frames <= _KEPT


def _tensors(features: Any) -> Iterator[torch.Tensor]:
    if isinstance(features, torch.Tensor):
        yield features
    elif isinstance(features, tuple | list):
        for part in features:
            yield from _tensors(part)
