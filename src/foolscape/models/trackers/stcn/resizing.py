"""From an image's own size to the size that a network works at, and back; differentiable."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Resizing:
    """Sizes as (height, width).

    Attributes:
        own: the size of the frames.
        inner: the size they are resized to; `own` if they are not.
        padding: pixels added at left, right, top and bottom after that.
    """

    own: tuple[int, int]
    inner: tuple[int, int]
    padding: tuple[int, int, int, int]

    @classmethod
    def of(cls, size: tuple[int, int], shorter_side: int | None, multiple: int) -> Resizing:
        """The resizing of frames of `size`: resized to `shorter_side` (None: not), padded to sides of `multiple`.

        The longer side is rounded down. Padding is shared by both ends, the odd pixel at the right and bottom.
        """
        inner = size
        if shorter_side is not None:
            shorter = min(size)
            inner = (size[0] * shorter_side // shorter, size[1] * shorter_side // shorter)
        down, across = (-side % multiple for side in inner)
        return cls(size, inner, (across // 2, across - across // 2, down // 2, down - down // 2))

    def images(self, images: Tensor) -> Tensor:
        """`images` (B, C, H, W), resized (bicubic, not antialiased, not clamped) and padded with zeros."""
        if self.inner != self.own:
            images = functional.interpolate(images, size=self.inner, mode="bicubic", align_corners=False)
        return functional.pad(images, self.padding)

    def masks(self, masks: Tensor) -> Tensor:
        """`masks` (K, H, W), resized to the nearest pixel and padded with zeros."""
        if self.inner != self.own:
            masks = functional.interpolate(masks[None], size=self.inner, mode="nearest")[0]
        return functional.pad(masks, self.padding)

    def restored(self, maps: Tensor) -> Tensor:
        """`maps` (C, h, w) of the padded size, cropped and resized (bilinear) back to (C, H, W)."""
        left, _, top, _ = self.padding
        maps = maps[:, top : top + self.inner[0], left : left + self.inner[1]]
        if self.inner == self.own:
            return maps
        return functional.interpolate(maps[None], size=self.own, mode="bilinear", align_corners=False)[0]
