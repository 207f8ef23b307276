"""Does a network run in bfloat16, and is its gradient there still the one to follow?"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.errors import GradientError, ModelError
from foolscape.memory import is_short
from foolscape.models.common.guard import in_words, raised
from foolscape.problem import likeliest
from foolscape.tasks.segmentation import Segmenter

_LEAST: Final = 0.5
"""The cosine below which rounding, and not the network, would say where an attack goes."""


def likeness(segmenter: Segmenter, images: Tensor) -> float | None:
    """The cosine between the gradient under autocast to bfloat16 and the float32 one, the least of all images.

    The gradient is that of the cross-entropy on the clean prediction, averaged over the targets.

    Args:
        segmenter: on the device of `images`; a network compiled or in another memory format is taken as it is.
        images: (B, 3, H, W) float32 in [0, 1], a batch as the run will have it.

    Returns:
        None where the gradient in bfloat16 is not finite: an attack falls back to float32 there.

    Raises:
        ModelError: the network does not run under autocast.
        GradientError: the cosine is below 0.5.
    """
    exact = _gradient(segmenter, images, bf16=False)
    try:
        rough = _gradient(segmenter, images, bf16=True)
    except Exception as error:  # networks differ in what they raise for mixed types
        if is_short(error):
            raise
        raise ModelError(
            f"expected a network that runs under autocast to bfloat16, got {in_words(raised(error))}; "
            f"leave --precision bf16 out"
        ) from error
    if not bool(torch.isfinite(rough).all()):
        return None
    least = float(functional.cosine_similarity(exact, rough, dim=1).min())
    if least < _LEAST:
        raise GradientError(
            f"expected a gradient in bfloat16 that points where the one in float32 does, got a cosine of {least:.2f}; "
            "an attack would follow rounding errors and the model look robust: leave --precision bf16 out"
        )
    return least


def _gradient(segmenter: Segmenter, images: Tensor, *, bf16: bool) -> Tensor:
    """(B, 3 * H * W) float64."""
    images = images.detach().requires_grad_(True)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16):
        scores = segmenter.logits(images)
    scores = scores.float()
    loss = functional.cross_entropy(scores, likeliest(scores.detach()))
    (gradient,) = torch.autograd.grad(loss, images)
    return gradient.flatten(1).double()
