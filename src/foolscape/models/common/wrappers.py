"""The two records that make a network, or a segmenter somebody wrote, the `Segmenter` that foolscape attacks."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.common.guard import guarded
from foolscape.models.common.margins import NONE, Margins
from foolscape.models.common.output import DOCS, check_scores, scores_of
from foolscape.models.common.wiring import AS_IT_IS, Wiring
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Tracker

_MODELS: Final = (nn.Module, Segmenter, Detector, Tracker)


R = TypeVar("R")


class SizeFinder(Protocol):
    """How images of other sizes are padded; see `probe.sizes.OtherSizes`."""

    @property
    def known(self) -> dict[tuple[int, int], int | ModelError]: ...

    def find(self, size: tuple[int, int], dtype: torch.dtype) -> int: ...


class _HasLogits(Protocol):
    """What a ready-made segmenter brings besides its classes."""

    def logits(self, images: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class ModuleSegmenter:
    """A network, and what has to be done to its input and output. Made by `adapt_segmenter`.

    Attributes:
        module: the network, in eval mode, its parameters frozen.
        classes: the names of the output channels; empty until `name_classes` names them.
        multiple: images are padded at the right and bottom (replicated) to sides divisible by this, and the scores
            cropped back; 1: never.
        notes: remarks for the reader of a table.
        channels: the number of output channels.
        only_size: (H, W), if the network takes images of this size alone.
        channels_last: whether the network gets its input in the channels_last memory format.
        wiring: what is done to images before the network sees them, and to its channels afterwards.
        others: finds what images of a size that it does not take so are padded to; None: they are refused.
        margins: what is mirrored around images for a network whose answer is smaller than its input.
    """

    module: nn.Module
    classes: tuple[str, ...]
    multiple: int
    notes: tuple[str, ...]
    channels: int
    only_size: tuple[int, int] | None = None
    channels_last: bool = False
    wiring: Wiring = AS_IT_IS
    others: SizeFinder | None = field(default=None, compare=False, repr=False)
    margins: Margins = NONE

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, C, H, W) for `images` ((B, 3, H, W) float RGB in [0, 1]); see `Segmenter.logits`."""
        size = (images.shape[2], images.shape[3])
        if self.only_size is not None and size != self.only_size:
            raise ModelError(
                f"expected images of {_by(self.only_size)} (height x width), the only size this network takes, got "
                f"{_by(size)}; give --size {self.only_size[0]}x{self.only_size[1]}"
            )
        return padded_for(images, self.multiple, self.others, lambda padded: self._logits(padded, size))

    def _logits(self, padded: Tensor, size: tuple[int, int]) -> Tensor:
        """The scores of `padded` images, cropped to `size`."""
        inputs = to_format(self.wiring.images(self.margins.mirrored(padded)), channels_last=self.channels_last)
        with guarded(on_images(self.module, padded)):
            output = self.module(handed(inputs))
        scores = scores_of(output)
        check_scores(scores, padded, self.channels, any_scale=True)
        straighten(scores)
        return at_size(self.wiring.channels(scores, 1), padded, size).to(padded.dtype)


@dataclass(frozen=True)
class CheckedSegmenter:
    """A segmenter that somebody else wrote, its output checked at every call. Made by `checked`.

    Attributes:
        inner: the segmenter itself.
        classes, notes: as of a `Segmenter`.
        channels: the number of output channels.
        wiring: as of a `ModuleSegmenter`.
    """

    inner: _HasLogits
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: int
    wiring: Wiring = AS_IT_IS

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, C, H, W) for `images` ((B, 3, H, W) float RGB in [0, 1]); see `Segmenter.logits`."""
        with guarded(on_images(self.inner, images)):
            scores = self.inner.logits(handed(self.wiring.images(images)))
        if not isinstance(scores, Tensor):
            raise ModelError(f"Segmenter.logits must return a tensor, got {type(scores).__name__}: {DOCS}")
        check_scores(scores, images, self.channels)
        straighten(scores)
        return self.wiring.channels(scores, 1).to(images.dtype)


def padded_for(images: Tensor, multiple: int, others: SizeFinder | None, forward: Callable[[Tensor], R]) -> R:
    """`forward` of `images` (B, C, H, W) padded to `multiple`, or to what `others` finds for a size where that fails.

    Raises:
        ModelError: it fails at the size that was tried first, or whatever they are padded to.
    """
    if others is None:
        return forward(pad_to_multiple(images, multiple))
    size = (images.shape[2], images.shape[3])
    known = others.known.get(size)
    if isinstance(known, ModelError):
        raise ModelError(str(known))
    if known is not None:
        return forward(pad_to_multiple(images, known))
    try:
        output = forward(pad_to_multiple(images, multiple))
    except ModelError:
        other = others.find(size, images.dtype)
        if other == multiple:
            raise
        return forward(pad_to_multiple(images, other))
    others.known[size] = multiple
    return output


def handed(images: Tensor) -> Tensor:
    """`images` as a network gets them: no leaf that records gradients, so that it may work on them in place."""
    return images.clone() if images.is_leaf and images.requires_grad and torch.is_grad_enabled() else images


def on_images(model: object, images: Tensor) -> str:
    """The text of what failed where `model` raises for `images` (B, 3, H, W)."""
    batch, _, height, width = images.shape
    return f"{type(model).__name__} on {batch} image{'' if batch == 1 else 's'} of {height} x {width}"


def straighten(scores: Tensor) -> None:
    """Make the gradient that comes back to `scores` contiguous, whatever the loss did with them.

    A loss that moves the channels last would otherwise send back strides with which the backward pass of a batch norm
    is wrong at a batch of one (PyTorch 2.13 and 2.15 on the CPU), although the network itself is sound.
    """
    if scores.requires_grad:
        hook: Any = scores.register_hook  # not typed in torch
        hook(lambda gradient: gradient.contiguous())


def to_format(images: Tensor, *, channels_last: bool) -> Tensor:
    """`images` ((B, 3, H, W)), in the channels_last memory format if asked for."""
    return images.contiguous(memory_format=torch.channels_last) if channels_last else images


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """`images` (B, C, H, W), their last row and column repeated until both sides are divisible by `multiple`."""
    down, right = (-side % multiple for side in images.shape[2:])
    # Concatenating has a deterministic backward pass on CUDA; functional.pad(mode="replicate") has not.
    if down:
        images = torch.cat([images, images[:, :, -1:].expand(-1, -1, down, -1)], dim=2)
    if right:
        images = torch.cat([images, images[:, :, :, -1:].expand(-1, -1, -1, right)], dim=3)
    return images


def at_size(scores: Tensor, padded: Tensor, size: tuple[int, int]) -> Tensor:
    """`scores` of `padded` images at full resolution (bilinear, align_corners=False), cropped to `size` (H, W)."""
    if scores.shape[2:] != padded.shape[2:]:
        scores = functional.interpolate(scores, size=padded.shape[2:], mode="bilinear", align_corners=False)
    return scores[:, :, : size[0], : size[1]]


def modules_of(thing: object, *, depth: int = 3) -> tuple[nn.Module, ...]:
    """The networks in `thing`: itself, or those among its attributes and, `depth` levels down, in the models there."""
    if isinstance(thing, nn.Module):
        return (thing,)
    if depth == 0:  # models that refer to each other
        return ()
    parts = [part for part in getattr(thing, "__dict__", {}).values() if isinstance(part, _MODELS)]
    return tuple(module for part in parts for module in modules_of(part, depth=depth - 1))


def as_double(segmenter: Segmenter) -> Segmenter:
    """A copy of `segmenter` that calculates in float64; the original stays as it is.

    Raises:
        Exception: whatever copying the network raises; some hold tensors that cannot be copied.
    """
    twin = copy.deepcopy(segmenter)
    for module in modules_of(twin):
        module.double()
    return twin


def with_channels_last(segmenter: Segmenter) -> ModuleSegmenter:
    """`segmenter` with its input in the channels_last memory format, and its network's weights, these in place.

    Raises:
        ModelError: it owns its preprocessing, so the format is not ours to choose.
    """
    if not isinstance(segmenter, ModuleSegmenter):
        raise ModelError(
            "expected a network that foolscape adapts, got a ready-made segmenter; convert the images in its logits: "
            "images.contiguous(memory_format=torch.channels_last)"
        )
    segmenter.module.to(memory_format=torch.channels_last)
    return dataclasses.replace(segmenter, channels_last=True)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
