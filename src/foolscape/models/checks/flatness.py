"""Scores that stay exactly as they are when the image changes a little: rounded on the way, or saturated.

Such a network has no gradient where it is flat, or a made-up one (a straight-through estimator). Central
differences agree with a gradient of zero, so they are no judge of it.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor

from foolscape.tasks.segmentation import Segmenter

_TINY: Final = {torch.float64: 1e-10, torch.float32: 1e-6}
"""A change of the image that hardly ever takes a rounded value over an edge."""

_SMALL: Final = {torch.float64: 1e-6, torch.float32: 1e-4}
"""A change that scores answer to, even if they are in single precision where the image is in double."""

_STRONG: Final = 0.25
"""A change that any network answers to whose scores depend on the image."""

_MANY: Final = 0.25
"""The share of the targets from which on flat scores are a fault of the network; the bundled ones have none at all."""

_BARE: Final = 9
"""Different scores of places that nothing reached: inside, along four edges, in four corners."""

_ONE_SIDED: Final = 104.0
"""A distance of two scores at which single precision knows a softmax of 0 and 1 alone."""


class Flat(NamedTuple):
    """What is wrong with the scores, and how it was seen."""

    kind: Literal["rounded", "saturated"]
    detail: str


def flatness(segmenter: Segmenter, images: Tensor, scores: Tensor, seed: int, kind: str) -> Flat | None:
    """Whether a quarter of the targets or more have scores without a slope; None for a sound network.

    Args:
        segmenter: in the precision of `images`.
        images: (B, 3, H, W).
        scores: (B, C, *N), of `images`.
        seed: of the changes.
        kind: what was found of the gradient: where it is "zero", a suspicion, a tinier change decides.
    """
    generator = torch.Generator().manual_seed(seed)
    still = _still(segmenter, images, scores, (_TINY if kind == "zero" else _SMALL)[images.dtype], generator)
    share = float(still.double().mean())
    if share < _MANY:
        return None
    got = f"expected scores that move with the image, got {share:.0%} of them exactly as before a tiny change"
    low, high = scores.min(), scores.max()
    at_ends = ((scores == low) | (scores == high)).all(dim=1)
    if bool(low < high) and float(at_ends[still].double().mean()) >= 0.5:
        return Flat(
            "saturated",
            f"{got}, at their least or largest value; look for softmax, sigmoid or tanh of large values, clamp or "
            "argmax at the end of the network, and return the scores before it",
        )
    if bool(_still(segmenter, images, scores, _STRONG, generator).all()):
        return None
    if kind == "right" and _bare(segmenter, images, scores, still, generator):
        return None
    return Flat(
        "rounded",
        f"{got}, though they follow a large one; look for rounded activations, quantisation, casts to integers or "
        "thresholds in the network",
    )


def lopsided(scores: Tensor) -> Flat | None:
    """Whether most targets of `scores` (B, C, *N) are so sure that their loss has no slope in single precision."""
    if scores.shape[1] < 2:
        return None
    first, second = scores.topk(2, dim=1).values.unbind(1)
    distance = float((first - second).flatten().median())
    if distance < _ONE_SIDED:
        return None
    return Flat(
        "saturated",
        f"expected a slope of the loss, got a largest score that is {distance:.3g} above the next at half of the "
        "targets, where softmax is exactly 0 or 1; look for a factor on the scores or a temperature near 0",
    )


@torch.no_grad()
def _bare(segmenter: Segmenter, images: Tensor, scores: Tensor, still: Tensor, generator: torch.Generator) -> bool:
    """Whether the targets that are `still` are places which nothing reached, such as the zeros of a max-unpooling.

    All of them then have the bias of the layers behind for scores, or one of nine where these pad at an edge, in any
    other image as in this one; rounded scores differ from place to place and from image to image.
    """
    values = torch.unique(scores.movedim(1, -1)[still], dim=0)
    if len(values) > _BARE:
        return False
    noise = torch.rand(images.shape, generator=generator, dtype=torch.float64).to(images)
    other = (images + _STRONG * (2 * noise - 1)).flip(3)
    others = segmenter.logits(other)
    still = _still(segmenter, other, others, _SMALL[images.dtype], generator)
    return torch.equal(torch.unique(others.movedim(1, -1)[still], dim=0), values)


@torch.no_grad()
def _still(segmenter: Segmenter, images: Tensor, scores: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """(B, *N) bool: the targets none of whose scores changes with the image by up to `size`."""
    noise = torch.rand(images.shape, generator=generator, dtype=torch.float64).to(images)
    return (segmenter.logits(images + size * (2 * noise - 1)) == scores).all(dim=1)
