"""What a network may return: finding the score tensor in it, and saying what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from foolscape.errors import ModelError

DOCS: Final = "docs/your-own-model.md"
_KEYS: Final = ("out", "logits")
_STRIDES: Final = (2, 3, 4, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 64)
"""By how much networks shrink an image with sides that are no multiple: strides of convolutions, sides of patches."""


def scores_of(output: object) -> Tensor:
    """The score tensor in `output`: itself, `output["out"]`, `output["logits"]` or `output.logits`.

    Raises:
        ModelError: there is none.
    """
    if isinstance(output, Tensor):
        return output
    scores = next((output[key] for key in _KEYS if key in output), None) if isinstance(output, Mapping) else None
    if scores is None:
        scores = getattr(output, "logits", None)
    if isinstance(scores, Tensor):
        return scores
    raise ModelError(
        'expected the network to return a tensor (B, C, H, W), a mapping with "out" or "logits", or an object with '
        f".logits; got {_describe(output)}. {_advice_on(output)}: {DOCS}"
    )


def _advice_on(output: object) -> str:
    """What to do about an output without class scores."""
    one = output[0] if isinstance(output, list | tuple) and output else output
    if hasattr(one, "boxes") or (isinstance(one, Mapping) and "boxes" in one):
        return "Say --task detection if it is a detector"
    return "Wrap it so that forward returns the class scores"


def _describe(output: object) -> str:
    """The type of `output` and, for containers, what is in it."""
    name = type(output).__name__
    if isinstance(output, Mapping):
        return f"{name} with the keys {', '.join(map(repr, output)) or '(none)'}"
    if isinstance(output, list | tuple):
        return f"{name} of {len(output)} ({', '.join(type(part).__name__ for part in output[:4])})"
    return name


def expected_shape(images: Tensor, channels: int | None) -> str:
    """The shape (B, C, H, W) that scores for `images` must have, as text; C where the number is not known."""
    batch, _, height, width = images.shape
    return f"({batch}, {'C' if channels is None else channels}, {height}, {width})"


def check_scores(scores: Tensor, images: Tensor, channels: int | None, *, any_scale: bool = False) -> None:
    """Raise `ModelError` unless `scores` are (B, channels, H, W) float scores for `images` ((B, 3, H, W)).

    Args:
        scores: what the network returned.
        images: what it was given.
        channels: how many channels it must have; None: at least two.
        any_scale: also accept an integer fraction of the size; see `fits`.
    """
    if not scores.is_floating_point():
        raise ModelError(
            f"Segmenter.logits must return floating class scores; expected {expected_shape(images, channels)} of "
            f"{images.dtype}, got {tuple(scores.shape)} of {scores.dtype}. Return the scores before argmax: a class "
            f"index has no gradient ({DOCS})"
        )
    size = (images.shape[2], images.shape[3])
    right = scores.ndim == 4 and scores.shape[0] == images.shape[0]
    right = right and (scores.shape[1] >= 2 if channels is None else scores.shape[1] == channels)
    if right:
        shape = (scores.shape[2], scores.shape[3])
        right = shape == size or (any_scale and fits(shape, size))
    if not right:
        advice = _advice(scores, images, channels, any_scale=any_scale)
        raise ModelError(
            "Segmenter.logits must return (B, C, H, W) at the input size; expected "
            f"{expected_shape(images, channels)}, got {tuple(scores.shape)}. {advice}"
        )
    if scores.device != images.device:
        raise ModelError(
            f"Segmenter.logits must answer on the device of the images; expected {images.device}, got {scores.device}. "
            f"Move what the network holds with register_buffer: {DOCS}"
        )


def _advice(scores: Tensor, images: Tensor, channels: int | None, *, any_scale: bool) -> str:
    """What to do about scores of a wrong shape."""
    if scores.ndim != 4:
        return f"Return the class scores before argmax and with the batch dimension: {DOCS}"
    if scores.shape[0] != images.shape[0]:
        return f"Return one score map per image: {DOCS}"
    if scores.shape[1] == 1:
        return f"Give one channel two classes with torch.cat([torch.zeros_like(x), x], 1): {DOCS}"
    if channels is not None and scores.shape[1] != channels:
        return f"The number of channels must stay the number of classes: {DOCS}"
    if scores.shape[2] > images.shape[2] or scores.shape[3] > images.shape[3]:
        return f"Downsample or crop in the adapter: {DOCS}"
    if 2 * scores.shape[2] <= images.shape[2] or 2 * scores.shape[3] <= images.shape[3] or not any_scale:
        return f"Upsample in the adapter: {DOCS}"
    return (
        "Where its pixels lie in the image does not show in a size that is no integer fraction of the image's: pad the "
        f"convolutions, or upsample and place the scores in the network: {DOCS}"
    )


def fits(shape: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether (h, w) `shape` is (H, W) `size` shrunk by one whole number, so that stretching puts every pixel right.

    Any number where nothing is left over; else one of `_STRIDES`, with which strided layers round each side down or up,
    or to one more than down (kernels of 3 with a stride of 2 that count a started window). An answer that lacks a few
    rows otherwise is not a shrunk one: see `models.common.margins`.
    """
    (h, w), (height, width) = shape, size
    if min(h, w) < 1 or h > height or w > width:
        return False
    if height % h == 0 and width % w == 0 and height // h == width // w:
        return True
    return any(h in (height // k, height // k + 1) and w in (width // k, width // k + 1) for k in _STRIDES)


def looks_like_probabilities(scores: Tensor) -> bool:
    """Whether `scores` (B, C, H, W) are all in [0, 1] and sum to 1 over the channels."""
    scores = scores.detach()
    if bool((scores < 0).any()) or bool((scores > 1).any()):
        return False
    return bool((scores.sum(dim=1) - 1).abs().max() < 1e-3)
