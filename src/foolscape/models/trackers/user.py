"""From anything that follows objects through frames to a `Tracker`: what it wants is found out by trying.

A user's factory returns a network that is called with, or an object whose `propagate` takes, frames (T, 3, H, W) in
[0, 1] and the first mask (H, W) int64. It answers with (T, K + 1, H, W), or a list of T times (K + 1, H, W):
probabilities, or log-odds of a softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.output import DOCS, looks_like_probabilities
from foolscape.models.common.wiring import AS_IT_IS, Wiring
from foolscape.models.common.wrappers import handed, modules_of, on_images, padded_for
from foolscape.models.probe.sizes import OtherSizes, by_trying
from foolscape.models.probe.trials import Tried
from foolscape.models.trackers.clip_inputs import check_clip
from foolscape.tasks.video import one_hot

_FRAMES: Final = 3
"""Length of the clip that is tried."""

_SHIFT: Final = 2
"""Pixels by which the picture moves from frame to frame of it."""


@dataclass(frozen=True)
class UserTracker:
    """A tracker that somebody else wrote, its answers checked at every call. Made by `adapt_tracker`.

    Attributes:
        inner: a network, or an object with a method `propagate`.
        logits: whether its answers are put through a softmax over the channels.
        multiple: frames and mask are padded at the right and bottom (replicated) to sides divisible by this, and the
            answer cropped.
        only_size: (H, W), if it takes frames of this size alone.
        notes: remarks for the reader of a table.
        wiring: what is done to frames before the tracker sees them.
        others: as of a `ModuleSegmenter`.
    """

    inner: Any
    logits: bool
    multiple: int = 1
    only_size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    wiring: Wiring = AS_IT_IS
    others: OtherSizes[Tensor] | None = field(default=None, compare=False, repr=False)

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        Raises:
            SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
            ModelError: the answer is of another shape or device, or holds NaN, or does not sum to 1 where it did.
        """
        check_clip(frames, None)
        objects = len(one_hot(first_mask, frames))
        size = (frames.shape[2], frames.shape[3])
        if self.only_size is not None and self.only_size != size:
            height, width = self.only_size
            raise ModelError(
                f"expected frames of {height} x {width} (height x width), the only size this tracker takes, got "
                f"{size[0]} x {size[1]}; give --size {height}x{width}"
            )
        scores = padded_for(
            frames, self.multiple, self.others, lambda padded: self._answer(padded, first_mask, objects)
        )
        scores = scores[:, :, : size[0], : size[1]]
        if self.logits:
            scores = scores.softmax(dim=1)
        elif not looks_like_probabilities(scores):
            raise ModelError(
                "expected probabilities that sum to 1 over the channels, as on a first try, got others between "
                f"{float(scores.min()):.3g} and {float(scores.max()):.3g}; return log-odds always or never: {DOCS}"
            )
        return scores.to(frames.dtype)

    def _answer(self, padded: Tensor, first_mask: Tensor, objects: int) -> Tensor:
        """What is answered for `padded` frames, at their size."""
        mask = first_mask
        for dim, more in enumerate(side - own for side, own in zip(padded.shape[2:], mask.shape, strict=True)):
            if more:  # else the mask itself: whether a tracker writes into it is seen by `check`
                last = mask.narrow(dim, mask.shape[dim] - 1, 1)
                mask = torch.cat([mask, last.repeat_interleave(more, dim)], dim)
        with guarded(f"propagate of {on_images(self.inner, padded)}"):
            answer = call_of(self.inner)(handed(self.wiring.images(padded)), mask)
        scores = stacked(answer)
        check_answer(scores, padded, objects)
        return scores


def adapt_tracker(inner: object, *, image_size: tuple[int, int], device: torch.device | str = "cpu") -> UserTracker:
    """The `Tracker` of `inner`, whose networks are put into eval mode, frozen and moved to `device` themselves.

    A few calls on a clip of three frames with one object find out whether the sides must be padded, and whether the
    answer holds probabilities (all in [0, 1], summing to 1) or log-odds.

    Args:
        inner: a network, or an object with a method `propagate`; see the head of this file.
        image_size: (H, W) of the frames it will see.
        device: where to run.

    Raises:
        ModelError: no size was accepted, or the answer is not what it must be.
    """
    remarks = [note for module in modules_of(inner) for note in freeze(module, torch.device(device))]
    tried = _OneObject(call_of(inner))
    fitted = by_trying(tried, image_size, torch.device(device), _read)
    if tried.wrote:
        raise ModelError(
            "expected a tracker that leaves its frames as they are, got one that writes into them; replace operations "
            "such as frames.sub_(mean) by frames - mean"
        )
    logits = not looks_like_probabilities(fitted.output)
    own = getattr(inner, "notes", ())
    notes = [str(note) for note in own] if isinstance(own, list | tuple) else []
    notes += remarks
    notes.append("the answer is taken for log-odds of a softmax" if logits else "the answer holds probabilities")
    if fitted.multiple > 1:
        notes.append(f"image sides are padded to be divisible by {fitted.multiple}")
    if fitted.only:
        notes.append(f"the tracker takes no other image size than {image_size[0]} x {image_size[1]}")
    only = image_size if fitted.only else None
    others = OtherSizes(tried, torch.device(device), _read, known={image_size: fitted.multiple})
    return UserTracker(inner, logits, fitted.multiple, only, tuple(notes), others=others)


def call_of(inner: object) -> Callable[[Tensor, Tensor], object]:
    """What is called with frames and mask: `inner.propagate`, or a network itself.

    Raises:
        ModelError: there is neither.
    """
    method = getattr(inner, "propagate", None)
    if callable(method):
        propagate: Callable[[Tensor, Tensor], object] = method
        return propagate
    if isinstance(inner, nn.Module):
        return inner
    raise ModelError(
        "expected a torch.nn.Module that takes frames and mask, or an object with a method propagate(frames, "
        f"first_mask), got {type(inner).__name__}: {DOCS}"
    )


def stacked(answer: object) -> Tensor:
    """The answer as one tensor: itself, or its frames (a list or tuple of tensors of one shape) stacked.

    Raises:
        ModelError: it is something else.
    """
    if isinstance(answer, Tensor):
        return answer
    if isinstance(answer, list | tuple) and answer and all(isinstance(part, Tensor) for part in answer):
        shapes = {tuple(part.shape) for part in answer}
        if len(shapes) == 1:
            return torch.stack(list(answer))
        raise ModelError(
            f"expected frames of one shape (K + 1, H, W), got {' and '.join(map(str, sorted(shapes)))}: {DOCS}"
        )
    parts: Sequence[object] = answer if isinstance(answer, list | tuple) else ()
    of = f" of {len(parts)} ({', '.join(type(part).__name__ for part in parts[:4])})" if parts else ""
    raise ModelError(
        "expected a tracker to return a tensor (T, K + 1, H, W), or a list of T tensors (K + 1, H, W), got "
        f"{type(answer).__name__}{of}: {DOCS}"
    )


def check_answer(scores: Tensor, frames: Tensor, objects: int) -> None:
    """Raise `ModelError` unless `scores` are a finite answer for `frames` ((T, 3, H, W)) with so many objects."""
    count, _, height, width = frames.shape
    wanted = (count, objects + 1, height, width)
    if not scores.is_floating_point():
        labels = torch.unique(scores).tolist()
        raise ModelError(
            f"expected probabilities {wanted} of {frames.dtype}, got {tuple(scores.shape)} of {scores.dtype} with the "
            f"values {', '.join(map(str, labels[:5]))}{', ...' if len(labels) > 5 else ''}. Return them before argmax: "
            f"a label has no gradient ({DOCS})"
        )
    if tuple(scores.shape) != wanted:
        raise ModelError(
            f"expected an answer (T, K + 1, H, W), here {wanted}, got {tuple(scores.shape)}. {_advice(scores, wanted)}"
        )
    if scores.device != frames.device:
        raise ModelError(f"expected an answer on {frames.device}, where the frames are, got one on {scores.device}")
    finite = torch.isfinite(scores)
    if not bool(finite.all()):
        first = int((~finite).flatten(1).any(dim=1).nonzero()[0])
        raise ModelError(
            f"expected a finite answer, got {int((~finite).sum())} NaN or infinite values, the first in frame {first}; "
            "look for a division by zero, log(0) or weights that were not loaded"
        )


def _advice(scores: Tensor, wanted: tuple[int, ...]) -> str:
    """What to do about an answer of a wrong shape."""
    if scores.ndim != 4:
        return f"Return a channel for the background and each object, for every frame: {DOCS}"
    if scores.shape[0] == wanted[0] - 1:
        return f"The first frame belongs to the answer, too, with the mask that was given: {DOCS}"
    if scores.shape[1] == wanted[1] - 1:
        return f"Channel 0 is the background; put it before the objects: {DOCS}"
    if scores.shape[1] != wanted[1]:
        return f"One channel for each of the labels 1 to {wanted[1] - 1} of the mask, and the background first: {DOCS}"
    return f"Resize the answer to the frames: {DOCS}"


class _OneObject(nn.Module):
    """A tracker as a network of one image, to be tried: the image moves, and the object is a block in its middle."""

    def __init__(self, call: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.call = [call]  # in a list, so that its parameters are not taken for this module's
        self.wrote = False

    def forward(self, images: Tensor) -> object:
        """What the tracker answers for `images` (1, 3, H, W), moved by a few pixels from frame to frame."""
        frames = torch.cat([images.roll(_SHIFT * t, dims=3) for t in range(_FRAMES)])
        kept = frames.clone()
        height, width = images.shape[2:]
        mask = torch.zeros((height, width), dtype=torch.int64, device=images.device)
        mask[height // 4 : max(1, 3 * height // 4), width // 4 : max(1, 3 * width // 4)] = 1
        answer = self.call[0](frames, mask)
        self.wrote |= not torch.equal(frames, kept)
        return answer


def _read(output: object, images: Tensor) -> Tried[Tensor]:
    """The answer for the clip of `_OneObject`."""
    scores = stacked(output)
    clip = images.expand(_FRAMES, -1, -1, -1)
    try:
        check_answer(scores, clip, 1)
    except ModelError as error:
        if scores.ndim != 4 or scores.shape[:2] != (_FRAMES, 2) or scores.shape[2:] == images.shape[2:]:
            raise  # no other size will change that
        return Tried(error=error)
    return Tried(scores, clean=True)
