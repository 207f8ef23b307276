"""Contract checks for trackers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.models.checks.consistency import same_twice
from foolscape.models.trackers.hmmn.tracker import Hmmn
from foolscape.models.trackers.propagation.tracker import Propagation
from foolscape.models.trackers.sam2 import Sam2
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.models.trackers.stm import Stm
from foolscape.models.trackers.user import UserTracker, adapt_tracker
from foolscape.tasks.video import Follower, ReusingTracker, Tracker, differentiable
from foolscape.testing.verdicts import (
    SIZES,
    ContractReport,
    FailedError,
    OnCheck,
    Sheet,
    alike,
    colours,
    right_gradient,
    silent,
    sound,
)

_FRAMES: Final = 4
"""Length of the clips that are tried."""

_FEW: Final = 2
"""The same where the form of the answer alone is looked at."""

_SMALL: Final = 4
"""How many times smaller the clip is of checks that compare answers with each other alone."""

_LEAST: Final = 96
"""Sides of it, at least: trackers have least sizes."""

_STEP: Final = 3
"""Pixels by which the picture moves from frame to frame."""

_EDGE: Final = 0.02
"""Share of the pixels of the first frame that may differ from the mask: a tracker may work at another size."""


def check_tracker(
    model: Tracker | Follower | nn.Module,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    device: torch.device | str = "cpu",
    on_check: OnCheck = silent,
) -> ContractReport:
    """Try on short random clips whether `model` keeps the contract of a `Tracker`.

    Shape, dtype, range and sum of the answer at every size with one and with two objects, the mask in the first frame,
    the same answer twice, frames and mask left as they are, features handed in again where the tracker takes them, and
    a right gradient with respect to the first frame, of the surrogate where there is one. Two hints: whether a frame's
    answer depends on those after it, and whether it matters which object has which label. Nothing is raised: what goes
    wrong is a failed check.

    Args:
        model: a network, or an object with a method `propagate`, is adapted for the first of the sizes, as a run does;
            its networks are put into eval mode, frozen and moved to `device` themselves, not copied.
        sizes: (H, W) of the frames to try.
        device: where to run.
        on_check: called for every check when it begins and when its outcome is known.
    """
    device = torch.device(device)
    sheet = Sheet(on_check)
    tracker = sheet.fit(sizes[0], lambda: _adapted(model, sizes[0], device))
    if tracker is None:
        return sheet.report
    only = getattr(tracker, "only_size", None)
    frames, first_mask = clip(sizes[0], device), mask(sizes[0], 2, device)
    answered = cache(lambda: _answer_of(tracker, frames, first_mask))  # one serves most checks: a clip takes long

    def shape(size: tuple[int, int], objects: int) -> str:
        if (size, objects) == (sizes[0], 2):
            return _shape(answered().answer, frames, first_mask)
        some = clip(size, device)[:_FEW]
        label = mask(size, objects, device)
        return _shape(_answer(tracker, some, label), some, label)

    sheet.at_sizes({"one object": partial(shape, objects=1), "two objects": partial(shape, objects=2)}, sizes, only)
    _at_one_size(sheet, tracker, frames, first_mask, answered)
    return sheet.report


@dataclass(frozen=True)
class _TrackerAnswer:
    """A clip with two objects, as it was handed over and is afterwards, and the answer of the tracker."""

    answer: Tensor
    frames: Tensor
    mask: Tensor


@torch.no_grad()
def _answer_of(tracker: Tracker, frames: Tensor, first_mask: Tensor) -> _TrackerAnswer:
    handed, label = frames.clone(), first_mask.clone()
    return _TrackerAnswer(_tensor(tracker.propagate(handed, label)), handed, label)


def _at_one_size(
    sheet: Sheet, tracker: Tracker, frames: Tensor, first_mask: Tensor, answered: Callable[[], _TrackerAnswer]
) -> None:
    """What does not depend on the size of the frames."""
    sheet.attempt("first frame", lambda: _repeats(answered().answer, first_mask))
    small = cache(lambda: _small(tracker, frames, first_mask, answered))
    sheet.attempt("same output twice", lambda: _twice(tracker, *small()))
    sheet.attempt("frames left unchanged", lambda: _unchanged(answered(), frames, first_mask))
    if isinstance(tracker, ReusingTracker) and callable(getattr(tracker, "features", None)):
        sheet.attempt("features handed in again", lambda: _reuses(tracker, frames, first_mask, answered().answer))
    whose = "" if differentiable(tracker) is tracker else " of the surrogate"
    scorer = ClipScorer(tracker, frames[1:3], first_mask)
    sheet.attempt(f"gradient to the first frame{whose}", lambda: right_gradient(scorer, frames[:1], clamps=True))
    sheet.attempt("frames that come later", lambda: _causal(tracker, *small()), hint=True)
    sheet.attempt("labels exchanged", lambda: _exchanged(tracker, *small()), hint=True)


def clip(size: tuple[int, int], device: torch.device) -> Tensor:
    """(T, 3, H, W) float32 in [0, 1]: random colours that move to the right, a little less bright in each frame."""
    image = colours(1, size, device)
    return torch.cat([(1 - 0.05 * t) * image.roll(_STEP * t, dims=3) for t in range(_FRAMES)])


def mask(size: tuple[int, int], objects: int, device: torch.device) -> Tensor:
    """(H, W) int64: blocks side by side, labelled 1 to `objects`."""
    labels = torch.zeros(size, dtype=torch.int64, device=device)
    width = size[1] // (objects + 1)
    for label in range(1, objects + 1):
        left = (label - 1) * (width + width // 3) + width // 4
        labels[size[0] // 4 : 3 * size[0] // 4, left : left + width] = label
    return labels


def _adapted(model: Tracker | Follower | nn.Module, size: tuple[int, int], device: torch.device) -> Tracker:
    # Those adapters keep to the answer's form by themselves; what others wrote is looked at in every call.
    if isinstance(model, Stcn | Stm | Hmmn | Propagation | Sam2 | UserTracker):
        return model
    return adapt_tracker(model, image_size=size, device=device)


def _shape(answer: Tensor, frames: Tensor, first_mask: Tensor) -> str:
    wanted = (len(frames), int(first_mask.max()) + 1, *frames.shape[2:])
    if tuple(answer.shape) != wanted or answer.dtype != frames.dtype:
        raise FailedError(
            f"expected (T, K + 1, H, W), {wanted} of {frames.dtype}, got {tuple(answer.shape)} of {answer.dtype}"
        )
    if not bool(torch.isfinite(answer).all()):
        raise FailedError(f"expected finite probabilities, got {int((~torch.isfinite(answer)).sum())} NaN or infinite")
    low, high = float(answer.min()), float(answer.max())
    if low < 0 or high > 1 + 1e-5:
        raise FailedError(f"expected probabilities in [0, 1], got values from {low:.3g} to {high:.3g}")
    off = float((answer.sum(dim=1) - 1).abs().max())
    if off > 1e-3:
        raise FailedError(f"expected probabilities that sum to 1 over the channels, got sums off by up to {off:.2g}")
    return f"{wanted} {str(answer.dtype).removeprefix('torch.')}, finite, in [0, 1], sums to 1"


def _repeats(answer: Tensor, first_mask: Tensor) -> str:
    share = float((answer[0].argmax(dim=0) != first_mask).float().mean())
    if share > _EDGE:
        raise FailedError(
            f"expected the mask that was given, got {share:.0%} of the pixels with another label; frame 0 repeats it, "
            "object i in channel i, the background in channel 0"
        )
    return "repeats the mask" + ("" if share == 0 else f", but for {share:.1%} of the pixels, at edges")


def _twice(tracker: Tracker, frames: Tensor, first_mask: Tensor, answer: Tensor) -> str:
    return sound(same_twice(ClipScorer(tracker, frames[1:], first_mask), frames[:1], (answer,)))


def _unchanged(handed: _TrackerAnswer, frames: Tensor, first_mask: Tensor) -> str:
    if not torch.equal(handed.frames, frames) or not torch.equal(handed.mask, first_mask):
        raise FailedError("expected frames and mask as they were, got them overwritten; look for in-place operations")
    return "nothing writes into them or the mask"


@torch.no_grad()
def _reuses(tracker: ReusingTracker, frames: Tensor, first_mask: Tensor, answer: Tensor) -> str:
    kept = tracker.features(frames[1:])
    reused = tracker.propagate(frames.clone(), first_mask.clone(), kept)
    return alike(reused, answer, 1e-4, "features computed before", "features that depend on more")


def _small(
    tracker: Tracker, frames: Tensor, first_mask: Tensor, answered: Callable[[], _TrackerAnswer]
) -> tuple[Tensor, Tensor, Tensor]:
    """A smaller clip, its mask and the answer for it; `frames` themselves where the tracker takes no smaller ones."""
    height, width = (max(_LEAST, side // _SMALL) for side in frames.shape[2:])
    if height < frames.shape[2] and width < frames.shape[3]:
        less, label = clip((height, width), frames.device), mask((height, width), 2, frames.device)
        with suppress(Exception):  # a tracker may raise anything for a size that it does not take
            return less, label, _answer(tracker, less, label)
    return frames, first_mask, answered().answer


def _causal(tracker: Tracker, frames: Tensor, first_mask: Tensor, answer: Tensor) -> str:
    apart = float((answer[:-1] - _answer(tracker, frames[:-1], first_mask)).abs().max())
    if apart > 1e-3:
        return (
            f"a frame's answer depends on those that follow (probabilities differ by up to {apart:.2g}): what is "
            "attacked on the first frames of a clip is not quite what is measured on all of them"
        )
    return "a frame's answer does not depend on them"


def _exchanged(tracker: Tracker, frames: Tensor, first_mask: Tensor, answer: Tensor) -> str:
    other = torch.tensor([0, 2, 1], device=first_mask.device)[first_mask]
    apart = float((_answer(tracker, frames, other)[:, [0, 2, 1]] - answer).abs().max())
    if apart > 1e-3:
        return f"it matters which object has which label (probabilities differ by up to {apart:.2g})"
    return "it does not matter which object has which label"


@torch.no_grad()
def _answer(tracker: Tracker, frames: Tensor, first_mask: Tensor) -> Tensor:
    # A tracker that writes into them must fail in its own check only.
    return _tensor(tracker.propagate(frames.clone(), first_mask.clone()))


def _tensor(answer: Any) -> Tensor:
    return answer if isinstance(answer, Tensor) else torch.as_tensor(answer)
