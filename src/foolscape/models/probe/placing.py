"""Where in an image the answer of a network lies that is smaller than the image by a constant."""

from __future__ import annotations

import itertools
from statistics import median
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.models.common.margins import Margins
from foolscape.models.common.output import scores_of
from foolscape.models.probe.trials import probe_images

_PATCH: Final = 5
"""Side of the patch that is changed."""

_PLACES: Final = (0.4, 0.5, 0.6)
"""Where in the image it is changed, as shares of each side: the answer must not be cut off at an edge."""


@torch.no_grad()
def margins_of(module: nn.Module, size: tuple[int, int], device: torch.device) -> Margins | None:
    """The margins with which `module` answers for all of an image of `size`; None if that does not show.

    The answer must lack the same number of rows and columns of a larger image, so that it is cut off, not scaled. Then
    a patch of the image is changed at nine places: where the answer changes shows whether it is the middle of the
    image, or begins or ends at a corner.

    Args:
        module: takes (B, 3, H, W); frozen, on `device`.
        size: (H, W).
        device: where the images are.
    """
    answered = _size_of(_answer(module, probe_images(size, device)))
    if answered is None:
        return None
    lack = (size[0] - answered[0], size[1] - answered[1])
    if max(lack) == 0 or not all(0 <= less < side for less, side in zip(lack, size, strict=True)):
        return None
    image = probe_images((size[0] + lack[0], size[1] + lack[1]), device)
    plain = _answer(module, image)
    if plain is None or _size_of(plain) != size:
        return None
    measured = [_offset(module, image, plain, place) for place in itertools.product(_PLACES, _PLACES)]
    offsets = [offset for offset in measured if offset is not None]
    if not offsets:
        return None
    above, left = (_settled(median(offset[axis] for offset in offsets), lack[axis]) for axis in (0, 1))
    if above is None or left is None:
        return None
    return Margins(above, lack[0] - above, left, lack[1] - left)


def _answer(module: nn.Module, images: Tensor) -> Tensor | None:
    """The scores (1, C, h, w) for `images`; None where the network does not take them."""
    try:
        scores = scores_of(module(images.clone()))
    except (
        Exception,
        SystemExit,
    ):  # a network may raise anything; the caller reports what it raised at its own size
        return None
    return scores.float() if scores.ndim == 4 and scores.is_floating_point() else None


def _size_of(scores: Tensor | None) -> tuple[int, int] | None:
    return None if scores is None else (scores.shape[2], scores.shape[3])


def _offset(module: nn.Module, image: Tensor, plain: Tensor, place: tuple[float, float]) -> tuple[float, float] | None:
    """How far the middle of a patch at `place` is below and right of the middle of what it changes in the answer."""
    corner = [round(share * side) - _PATCH // 2 for share, side in zip(place, image.shape[2:], strict=True)]
    patch = (..., slice(corner[0], corner[0] + _PATCH), slice(corner[1], corner[1] + _PATCH))
    changed = image.clone()
    changed[patch] = 1 - changed[patch]
    answer = _answer(module, changed)
    if answer is None or answer.shape != plain.shape:
        return None
    # Squared: what a network that looks everywhere changes elsewhere weighs little.
    energy = (answer - plain).square().sum(dim=(0, 1)).double()
    if not bool(torch.isfinite(energy).all()) or not bool(energy.any()):
        return None
    rows, columns = (torch.arange(side).to(energy) for side in energy.shape)
    row = float((energy.sum(dim=1) * rows).sum() / energy.sum())
    column = float((energy.sum(dim=0) * columns).sum() / energy.sum())
    return corner[0] + _PATCH // 2 - row, corner[1] + _PATCH // 2 - column


def _settled(offset: float, lack: int) -> int | None:
    """The rows above the answer: half of those it lacks, none or all, whichever shows; None where none does."""
    nearest = min((lack // 2, 0, lack), key=lambda rows: abs(offset - rows))
    # Half a pixel is the rounding of an even kernel.
    return nearest if abs(offset - nearest) <= max(0.6, lack / 8) else None
