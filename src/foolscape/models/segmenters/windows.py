"""Large images in windows: a network sees one part at a time, in the forward and in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.options import size
from foolscape.spec import Spec
from foolscape.tasks.segmentation import Segmenter

_OPTIONS = ("window", "stride")


@dataclass(frozen=True)
class Windows:
    """Parts of `size` (H, W), `stride` apart, that cover an image; the last ones are moved back to end with it."""

    size: tuple[int, int]
    stride: tuple[int, int]

    def __str__(self) -> str:
        (height, width), (down, right) = self.size, self.stride
        return (
            f"images are seen in windows of {height} x {width}, {down} x {right} apart; scores are averaged where they "
            "overlap"
        )

    def parts(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """The rows and columns of each window in an image, row by row."""
        rows = _spans(height, self.size[0], self.stride[0])
        columns = _spans(width, self.size[1], self.stride[1])
        return [(row, column) for row in rows for column in columns]

    def of_image(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of what a network sees of an image of `size`."""
        return min(size[0], self.size[0]), min(size[1], self.size[1])


@dataclass(frozen=True)
class WindowedSegmenter:
    """A segmenter that sees an image in windows: the slide inference of mmsegmentation, differentiable.

    Both passes hold the network's activations for one window at a time: the backward pass of each window repeats its
    forward pass. Where a window's edge is nearer than the network looks, its scores are not those of the whole image.

    Attributes:
        inner: sees the windows.
        windows: where they lie.
    """

    inner: Segmenter
    windows: Windows

    @property
    def classes(self) -> tuple[str, ...]:
        """The inner segmenter's."""
        return self.inner.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """The inner segmenter's, and how images are cut."""
        return (*self.inner.notes, str(self.windows))

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, C, H, W) for `images` ((B, 3, H, W) float RGB in [0, 1]); see `Segmenter.logits`."""
        parts = self.windows.parts(images.shape[2], images.shape[3])
        if len(parts) == 1:
            return self.inner.logits(images)
        scores: Tensor = _Slide.apply(images, self.inner, parts)
        return scores


class _Slide(torch.autograd.Function):
    """Scores of all windows, averaged where they overlap."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, inner: Segmenter, parts: list[tuple[slice, slice]]) -> Tensor:
        """(B, 3, H, W) -> (B, C, H, W)."""
        counts = _counts(images, parts)
        total: Tensor | None = None
        for rows, columns in parts:
            scores = inner.logits(images[:, :, rows, columns].detach())
            if total is None:
                total = scores.new_zeros(scores.shape[0], scores.shape[1], *images.shape[2:])
            total[:, :, rows, columns] += scores
        assert total is not None
        ctx.save_for_backward(images, counts)
        ctx.inner, ctx.parts, ctx.cast = inner, parts, _autocast_of(images)
        return total.div_(counts)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient at the images; each window is seen once more."""
        images, counts = ctx.saved_tensors
        share = gradient / counts
        found = torch.zeros_like(images)
        for rows, columns in ctx.parts:
            part = images[:, :, rows, columns].detach().clone().requires_grad_(True)
            with torch.enable_grad(), ctx.cast():
                scores = ctx.inner.logits(part)
            if scores.requires_grad:
                (one,) = torch.autograd.grad(scores, part, share[:, :, rows, columns].to(scores.dtype))
                found[:, :, rows, columns] += one
        return found, None, None


def windows_of(spec: Spec) -> tuple[Spec, Windows | None]:
    """`spec` without ?window= and ?stride=, and what they say; a stride that is not given is two thirds of the window.

    Raises:
        SettingError: they cannot be read, or windows would leave gaps between them.
    """
    if "window" not in spec.options:
        return spec, None
    window = size("window", spec.options["window"])
    given = spec.options.get("stride")
    stride = size("stride", given) if given is not None else (-(-2 * window[0] // 3), -(-2 * window[1] // 3))
    if not all(1 <= step <= side for step, side in zip(stride, window, strict=True)):
        raise SettingError(
            f"stride: expected one of 1x1 to the window, {window[0]}x{window[1]}, which leaves no gaps, got "
            f"{stride[0]}x{stride[1]}"
        )
    rest = {name: value for name, value in spec.options.items() if name not in _OPTIONS}
    return Spec(spec.text, spec.scheme, spec.rest, rest), Windows(window, stride)


def windowed(segmenter: object, windows: Windows) -> WindowedSegmenter:
    """`segmenter`, which sees images in `windows`; `ModelError` if it is none."""
    if not isinstance(segmenter, Segmenter):
        raise ModelError(f"?window= is for segmentation, got a {type(segmenter).__name__}; leave it out")
    return WindowedSegmenter(segmenter, windows)


def _spans(length: int, side: int, step: int) -> list[slice]:
    """Where windows lie along one direction."""
    if length <= side:
        return [slice(0, length)]
    starts = [*range(0, length - side, step), length - side]
    return [slice(start, start + side) for start in starts]


def _counts(images: Tensor, parts: list[tuple[slice, slice]]) -> Tensor:
    """(H, W): in how many windows each pixel is."""
    counts = images.new_zeros(images.shape[2:])
    for rows, columns in parts:
        counts[rows, columns] += 1
    return counts


def _autocast_of(images: Tensor) -> Any:
    """The mixed precision of the forward pass, as a context for the backward one."""
    device = images.device.type
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)

    @contextmanager
    def cast() -> Iterator[None]:
        with torch.autocast(device, dtype, enabled=enabled):
            yield

    return cast
