"""What an image processor of transformers does to an image, in torch and differentiable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from torch import Tensor
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.common.size_rule import SizeRule
from foolscape.sending import numbers_on

_MODES: Final = {2: "bilinear", 3: "bicubic", "bilinear": "bilinear", "bicubic": "bicubic"}
"""The filters that have a derivative in torch, by PIL's number or torchvision's name."""


@dataclass(frozen=True)
class Preparation:
    """Resizing and normalising, as an image processor is configured to.

    The processor itself resizes 8-bit images and rounds behind each of the two directions; here nothing is rounded, and
    values differ by about a level at most.

    Attributes:
        rule: the size of what the network is given.
        mode: "bilinear" or "bicubic".
        factor: what pixels in [0, 1] are multiplied with.
        mean, std: for each channel, after that.
        bgr: whether the channels are turned round.
        antialias: whether what shrinks is smoothed.
    """

    rule: SizeRule
    mode: str
    factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False
    antialias: bool = True

    def __call__(self, images: Tensor) -> Tensor:
        """`images` ((B, 3, H, W) in [0, 1]) as the network wants them."""
        own = (images.shape[2], images.shape[3])
        size = self.rule.of(own)
        if size != own:
            images = _resized(images, size, self.mode, antialias=self.antialias)
        mean, std = (
            numbers_on(images.device, values, images.dtype).view(1, 3, 1, 1) for values in (self.mean, self.std)
        )
        prepared = (images * self.factor - mean) / std
        return prepared.flip(1) if self.bgr else prepared


def preparation_of(processor: Any, *, multiple: int = 1, antialias: bool = True) -> Preparation:
    """The `Preparation` that does what `processor`, an image processor of transformers, is configured to do.

    A crop of the middle is left out, since what lies around it is to be recognised, too; see `crops`.

    Args:
        processor: of any kind; only its settings are used.
        multiple: sides that follow from the shortest edge are cut to a multiple of this.
        antialias: whether it smooths what shrinks, which its settings do not say.

    Raises:
        ModelError: it pads to a fixed size, or resizes with another filter or rule.
    """
    padded = getattr(processor, "pad_size", None) or (hasattr(processor, "ensure_multiple_of") and "size_divisor")
    if getattr(processor, "do_pad", False) and padded:
        raise ModelError(
            f"expected an image processor without a fixed pad_size, got {padded}; set do_pad to false in "
            "preprocessor_config.json"
        )
    filter_name = getattr(processor.resample, "value", processor.resample)
    if filter_name not in _MODES:
        raise ModelError(f"expected an image processor that resizes bilinearly or bicubically, got {filter_name!r}")
    rule = _rule(processor, multiple)
    mean, std = ((0.0,) * 3, (1.0,) * 3)
    if processor.do_normalize:
        mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    factor = 255 * float(processor.rescale_factor) if processor.do_rescale else 255.0
    bgr = bool(getattr(processor, "do_flip_channel_order", False))
    if bgr:  # turned round before it is normalised
        mean, std = mean[::-1], std[::-1]
    return Preparation(rule, _MODES[filter_name], factor, mean, std, bgr, antialias)


def crops(processor: Any) -> tuple[int, int] | None:
    """(H, W) of the middle that the processor would cut out of an image; None where it keeps all of it."""
    size = getattr(processor, "crop_size", None)
    if not getattr(processor, "do_center_crop", False) or not size:
        return None
    return int(size["height"]), int(size["width"])


def resized_to(preparation: Preparation, height: int, width: int) -> Preparation:
    """`preparation` that resizes every image to one size, whatever its aspect ratio."""
    return replace(preparation, rule=SizeRule({"height": height, "width": width}))


def _resized(images: Tensor, size: tuple[int, int], mode: str, *, antialias: bool) -> Tensor:
    """`images` at `size`; where the filter overshoots, cut to what 8 bits hold.

    That is behind each of the two directions where what shrinks is smoothed, which is done one after the other.
    """
    if mode == "bilinear" or not antialias:
        resized = functional.interpolate(images, size=size, mode=mode, align_corners=False, antialias=antialias)
        return resized if mode == "bilinear" else resized.clamp(0, 1)
    for step in ((images.shape[2], size[1]), size):
        images = functional.interpolate(images, size=step, mode=mode, align_corners=False, antialias=True).clamp(0, 1)
    return images


def _rule(processor: Any, multiple: int) -> SizeRule:
    if not processor.do_resize:
        return SizeRule(None)
    sides = {key: int(value) for key, value in dict(processor.size).items() if value}
    nearest = getattr(processor, "ensure_multiple_of", None)
    # DPT's size_divisor is for padding, which is refused above; that of MaskFormer and its kin is for resizing.
    divisor = None if hasattr(processor, "ensure_multiple_of") else getattr(processor, "size_divisor", None)
    rule = SizeRule(sides, multiple, divisor or 1, nearest or 1, bool(getattr(processor, "keep_aspect_ratio", False)))
    rule.of((64, 64))  # is it a rule that we know?
    return rule
