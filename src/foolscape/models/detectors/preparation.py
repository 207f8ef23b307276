"""What an image processor of transformers does to an image, in torch and differentiable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch import Tensor
from torch.nn import functional

from foolscape.errors import ModelError

_MODES: Final = {2: "bilinear", 3: "bicubic", "bilinear": "bilinear", "bicubic": "bicubic"}
"""The filters that have a derivative in torch, by PIL's number or torchvision's name."""


@dataclass(frozen=True)
class Preparation:
    """Resizing and normalising, as an image processor is configured to.

    The processor itself resizes 8-bit images and rounds; here nothing is rounded, and values differ by at most half a
    level.

    Attributes:
        size: "height" and "width"; or "shortest_edge" and "longest_edge", or "max_height" and "max_width", which keep
            the aspect ratio; None: images keep their size.
        multiple: sides that follow from the shortest edge are cut to a multiple of this (YOLOS: 16).
        mode: "bilinear" or "bicubic", both with antialiasing.
        factor: what pixels in [0, 1] are multiplied with.
        mean, std: for each channel, after that.
    """

    size: Mapping[str, int] | None
    multiple: int
    mode: str
    factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """`images` ((B, 3, H, W) in [0, 1]) as the network wants them."""
        own = (images.shape[2], images.shape[3])
        size = own if self.size is None else target_size(self.size, own, self.multiple)
        if size != own:
            images = functional.interpolate(images, size=size, mode=self.mode, align_corners=False, antialias=True)
        mean, std = (images.new_tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (images * self.factor - mean) / std


def preparation_of(processor: Any, *, multiple: int = 1) -> Preparation:
    """The `Preparation` that does what `processor`, an image processor of transformers, is configured to do.

    Raises:
        ModelError: it pads to a fixed size, or resizes with another filter or rule.
    """
    if getattr(processor, "do_pad", False) and getattr(processor, "pad_size", None):
        raise ModelError(
            f"expected an image processor without a fixed pad_size, got {processor.pad_size}; set do_pad to false in "
            "preprocessor_config.json"
        )
    filter_name = getattr(processor.resample, "value", processor.resample)
    if filter_name not in _MODES:
        raise ModelError(f"expected an image processor that resizes bilinearly or bicubically, got {filter_name!r}")
    size = {key: int(value) for key, value in dict(processor.size).items() if value} if processor.do_resize else None
    if size is not None:
        target_size(size, (64, 64), multiple)  # is it a rule that we know?
    mean, std = ((0.0,) * 3, (1.0,) * 3)
    if processor.do_normalize:
        mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    factor = 255 * float(processor.rescale_factor) if processor.do_rescale else 255.0
    return Preparation(size, multiple, _MODES[filter_name], factor, mean, std)


def target_size(rule: Mapping[str, int], size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """(H, W) to which an image of `size` is resized by `rule`; see `Preparation.size`.

    Raises:
        ModelError: the rule is none of the three, or leaves nothing of the short side.
    """
    height, width = size
    if "shortest_edge" in rule and "longest_edge" in rule:
        return _by_edges(rule["shortest_edge"], rule["longest_edge"], size, multiple)
    if "max_height" in rule and "max_width" in rule:
        scale = min(rule["max_height"] / height, rule["max_width"] / width)
        return int(height * scale), int(width * scale)
    if "height" in rule and "width" in rule:
        return rule["height"], rule["width"]
    raise ModelError(
        "expected an image processor whose size has height and width, shortest_edge and longest_edge, or max_height "
        f"and max_width, got {dict(rule)}"
    )


def _by_edges(shortest: int, longest: int, size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The short side becomes `shortest`, less where the long one would pass `longest`; sides are rounded down.

    Raises:
        ModelError: nothing is left of the short side.
    """
    short, long = min(size), max(size)
    edge: float = shortest
    if long / short * shortest > longest:
        edge = longest * short / long
    to_short = round(edge)
    to_long = long if short == to_short else int(edge * long / short)
    to_short, to_long = to_short - to_short % multiple, to_long - to_long % multiple
    if to_short == 0:
        raise ModelError(
            f"expected images less narrow than {size[0]} x {size[1]}: resized to a longest edge of {longest}, their "
            f"short side is less than {multiple} pixels; give another --size"
        )
    return (to_long, to_short) if size[1] < size[0] else (to_short, to_long)
