"""Is the gradient of a model with respect to its input right?

Some operations of PyTorch return a silently wrong one, and networks cut it, round it away or draw random numbers. An
attack on such a network looks weak and the network robust. Central differences in float64 tell, for about a dozen
forward passes; flat scores, which they cannot tell from a gradient of zero, are looked for apart.
"""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from foolscape import memory
from foolscape.errors import GradientError
from foolscape.models.attention import MATH, attention
from foolscape.models.examination import Finding, Kind, judge, judge_quickly
from foolscape.models.small_copy import small_copy
from foolscape.models.wrappers import ModuleSegmenter, as_double, with_channels_last
from foolscape.tasks.segmentation import Segmenter

__all__ = ["GradientVerdict", "check_gradient", "raise_unless_ok"]

_BATCHES: Final = (2, 3, 4)  # larger batches tried as a remedy


@dataclass(frozen=True)
class GradientVerdict:
    """What `check_gradient` found.

    Attributes:
        ok: whether the gradient can be trusted.
        kind: "right", "missing", "zero", "saturated", "rounded", "not finite", "wrong" or "random output".
        relative_error: disagreement with central differences, 1 = as large as the gradient; None if not measured.
        batch: the batch size it was checked at.
        precision: "float64", or "float32" where the network does not run in float64.
        message: one sentence for the reader.
        remedies: command-line options with which the gradient is right; tried, not guessed.
    """

    ok: bool
    kind: Kind
    relative_error: float | None
    batch: int
    precision: str
    message: str
    remedies: tuple[str, ...] = ()


def check_gradient(segmenter: Segmenter, images: Tensor, *, seed: int, clamps: bool = False) -> GradientVerdict:
    """Compare the input gradient of `segmenter` with central differences, at the very batch size given.

    The gradient is that of the attacks' own kind of loss, on a float64 copy of the network; a network that does not run
    in float64, or not within the memory there is, is checked in float32, less sharply. It is compared along itself and
    along two random directions, one if the batch has 2**19 pixels or more; before a network is accused, the median of
    five decides. Large images are looked at in two steps: all this on a small copy of them, and in float32, as attacks
    take it, a forward and a backward pass at full size that must agree with differences along two directions. Where
    either is not plainly right, or the network takes no small copy, float64 at full size decides.

    Args:
        segmenter: on the device of `images`; not changed.
        images: (B, 3, H, W) float32 in [0, 1], a batch as the run will have it.
        seed: of the random directions and weights.
        clamps: whether scores of certain targets are clamped by right, as published trackers do.

    Raises:
        ModelError: the network does not run at all on these images.
        RuntimeError: memory is short in float32, too.
    """
    return _in_two_steps(segmenter, images, seed, clamps) or _at_full_size(segmenter, images, seed, clamps)


def _in_two_steps(segmenter: Segmenter, images: Tensor, seed: int, clamps: bool) -> GradientVerdict | None:
    """The verdict on a network that is plainly right on a small copy of `images`, and in float32 on themselves."""
    smaller = small_copy(segmenter, images)
    if smaller is None:
        return None
    try:
        verdict = _at_full_size(*smaller, seed, clamps, remedies=False)
        whole = judge_quickly(segmenter, images, seed, clamps=clamps) if verdict.ok else None
    except Exception:  # the network takes no such size, or memory is short: full size tells
        memory.give_back()
        return None
    if whole is None:
        return None
    height, width = smaller[1].shape[2:]
    message = f"{verdict.message}, at {height} x {width}; in float32 at full size within {whole.error:.1g}"
    return dataclasses.replace(verdict, message=message)


def _at_full_size(
    segmenter: Segmenter, images: Tensor, seed: int, clamps: bool, *, remedies: bool = True
) -> GradientVerdict:
    """The verdict from central differences in float64, as far as the network and the memory allow."""
    twin, dtype, why = _twin(segmenter, images)
    found = _within_memory(segmenter, twin, images.to(dtype), seed, clamps)
    if found is None:
        twin, dtype, why = segmenter, torch.float32, "memory is short"
        found = judge(segmenter, twin, images, seed, clamps=clamps)
    helping = remedies and found.kind == "wrong"
    options = _remedies(segmenter, twin, images.to(dtype), seed) if helping else ()
    batch = images.shape[0]
    precision = str(dtype).removeprefix("torch.")
    note = f" (checked in float32 only, for the network does not run in float64: {why})" if why else ""
    message = f"input gradient {found.kind} at batch {batch}: {found.detail}{note}"
    return GradientVerdict(found.kind == "right", found.kind, found.error, batch, precision, message, options)


def raise_unless_ok(verdict: GradientVerdict) -> None:
    """Raise `GradientError` with the remedies as command-line options, unless the gradient is right."""
    if verdict.ok:
        return
    if verdict.remedies:
        advice = f"Right with {' or with '.join(verdict.remedies)}"
    elif verdict.kind == "wrong":
        advice = (
            "Neither a larger batch nor another memory format or kernel of attention makes it right: see "
            "docs/your-own-model.md"
        )
    else:
        advice = "Repair the network: docs/your-own-model.md"
    raise GradientError(f"{verdict.message}. An attack on it would look weak and the model robust. {advice}")


def _twin(segmenter: Segmenter, images: Tensor) -> tuple[Segmenter, torch.dtype, str]:
    """A copy of `segmenter` in float64, if that runs; else itself, and why not."""
    try:
        twin = as_double(segmenter)
        with torch.no_grad():
            twin.logits(images[:1].double())
    except Exception as error:  # networks differ in what they raise for another dtype
        return segmenter, torch.float32, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return twin, torch.float64, ""


def _within_memory(segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int, clamps: bool) -> Finding | None:
    """What `judge` finds; None if memory is too short for that in float64."""
    try:
        return judge(segmenter, twin, images, seed, clamps=clamps)
    except Exception as error:
        if images.dtype != torch.float64 or not memory.is_short(error):
            raise
    memory.give_back()
    return None


def _remedies(segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int) -> tuple[str, ...]:
    """The options with which the gradient is right, in the precision of attacks, too."""

    def helps(single: Segmenter, double: Segmenter, batch: int) -> bool:
        repeated = images[torch.arange(batch, device=images.device) % images.shape[0]]
        try:
            return judge(single, double, repeated, seed).kind == "right"
        except Exception:  # out of memory, or a network that takes no other batch or format: then it is no remedy
            return False

    batch = images.shape[0]
    larger = next((f"--batch {b}" for b in _BATCHES if b > batch and helps(segmenter, twin, b)), None)
    found = [] if larger is None else [larger]
    with attention(MATH):
        if helps(segmenter, twin, batch):
            found.append(f"--attention {MATH}")
    if isinstance(twin, ModuleSegmenter) and not twin.channels_last:
        single = with_channels_last(copy.deepcopy(segmenter))  # moves weights, and the run's are to stay
        if helps(single, with_channels_last(twin), batch):
            found.append("--memory-format channels_last")
    return tuple(found)
