"""How ultralytics makes images of any size fit its networks, in torch and differentiable, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from torch import Tensor
from torch.nn import functional

from foolscape.sending import numbers_on

GREY: Final = 114 / 255
"""What lies around an image."""

_ROOM: Final = 0.5
"""Strides that a rectangle has to spare, as in its validation."""


class Place(NamedTuple):
    """Where an image lies in what the network sees.

    Attributes:
        height, width: of the resized image.
        top, left: of its corner.
        full: (H, W) of all.
    """

    height: int
    width: int
    top: int
    left: int
    full: tuple[int, int]


@dataclass(frozen=True)
class Letterbox:
    """Images resized bilinearly to a long side of `imgsz`, in the middle of a grey rectangle.

    As ultralytics' validation does with one image per batch; there 8-bit images are resized in fixed point and rounded,
    here nothing is rounded, and values differ by at most a level.

    Attributes:
        imgsz: pixels, divisible by `stride`.
        stride: what the sides of the rectangle are divisible by.
        rect: whether the rectangle has the image's shape, as validation has it unless it is told `rect=False`; else it
            is a square of `imgsz`.
        stretch: whether images fill that square, whatever their shape, and nothing is added.
        sides: (H, W) of the rectangle, where it is always the same one, whose longer side is `imgsz`.
    """

    imgsz: int
    stride: int
    rect: bool = True
    stretch: bool = False
    sides: tuple[int, int] | None = None

    @property
    def note(self) -> str:
        """What the reader of a table is to know."""
        if self.stretch:
            height, width = self.sides or (self.imgsz, self.imgsz)
            return f"images are stretched inside to {height} x {width}"
        if self.sides is not None:
            return f"images are letterboxed inside to {self.sides[0]} x {self.sides[1]}, for which it was exported"
        return (
            f"images are letterboxed inside to {self.imgsz} pixels along their long side, in a "
            f"{'rectangle' if self.rect else 'square'} whose sides are divisible by {self.stride}, as in the library's "
            f"validation with rect={self.rect}"
        )

    def smaller(self, factor: float) -> Letterbox:
        """The same to `factor` of the size, at least four strides."""
        strides = max(4, round(self.imgsz * factor / self.stride))
        return replace(self, imgsz=min(self.imgsz, strides * self.stride), sides=None)

    def place(self, size: tuple[int, int]) -> Place:
        """Where an image of `size` (H, W) lies."""
        whole = self.sides or (self.imgsz, self.imgsz)
        if self.stretch:
            return Place(*whole, 0, 0, whole)
        ratio = min(most / side for most, side in zip(whole, size, strict=True))
        height, width = (
            side if ratio == 1 else min(math.ceil(side * ratio), most) for most, side in zip(whole, size, strict=True)
        )
        full = self.sides or (self._side(min(1.0, size[0] / size[1])), self._side(1 / max(1.0, size[0] / size[1])))
        # Half of an odd rest is rounded down at the top and left.
        top, left = (round((side - part) / 2 - 0.1) for side, part in zip(full, (height, width), strict=True))
        return Place(height, width, top, left, full)

    def _side(self, share: float) -> int:
        """A side of the rectangle, for a side of the image that is `share` of its long one."""
        return math.ceil(share * self.imgsz / self.stride + _ROOM) * self.stride if self.rect else self.imgsz

    def __call__(self, images: Tensor) -> Tensor:
        """`images` (B, 3, H, W) in [0, 1] as the network wants them."""
        size = (images.shape[2], images.shape[3])
        place = self.place(size)
        images = _resized(images, (place.height, place.width))
        below, right = place.full[0] - place.top - place.height, place.full[1] - place.left - place.width
        return functional.pad(images, (place.left, right, place.top, below), value=GREY)

    def boxes(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """`boxes` (..., 4), x1, y1, x2, y2 of what the network sees, in pixels of an image of `size` (H, W)."""
        place = self.place(size)
        x, y = size[1] / place.width, size[0] / place.height
        corner = numbers_on(boxes.device, (place.left, place.top) * 2, boxes.dtype)
        return (boxes - corner) * numbers_on(boxes.device, (x, y) * 2, boxes.dtype)

    def scores(self, scores: Tensor, size: tuple[int, int]) -> Tensor:
        """`scores` (B, C, h, w) of what the network sees, at any resolution, as (B, C, H, W) of images of `size`.

        They are upsampled to what the network sees, cropped and resized, as ultralytics' prediction does.
        """
        place = self.place(size)
        scores = _resized(scores, place.full)
        down, right = place.top + place.height, place.left + place.width
        return _resized(scores[:, :, place.top : down, place.left : right], size)


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """`values` (B, C, h, w) bilinearly at `size` (H, W)."""
    if tuple(values.shape[2:]) == size:
        return values
    return functional.interpolate(values, size=size, mode="bilinear", align_corners=False)
