"""Is the gradient of a model with respect to its input right?

Some operations of PyTorch return a silently wrong one, and networks cut it, round it away or draw random numbers. An
attack on such a network looks weak and the network robust. Central differences in float64 show it for about a
dozen forward passes; flat scores, which they cannot distinguish from a gradient of zero, are tested separately.
"""

from __future__ import annotations

import copy
import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from foolscape import memory
from foolscape.errors import GradientError
from foolscape.models.checks.choices import recorded
from foolscape.models.checks.examination import GradientFinding, Kind, is_right, judge, judge_quickly
from foolscape.models.checks.small_copy import small_copy
from foolscape.models.checks.widened import widened
from foolscape.models.common.attention import MATH, attention
from foolscape.models.common.freezing import half_weights
from foolscape.models.common.guard import in_words, raised
from foolscape.models.common.wrappers import ModuleSegmenter, as_double, modules_of, with_channels_last
from foolscape.tasks.segmentation import Segmenter

__all__ = ["GradientVerdict", "check_gradient", "raise_unless_ok"]

_BATCHES: Final = (2, 3, 4)  # larger batches tried as a remedy
_REPEATS: Final = 3  # times that a remedy must pass, each with other directions and weights


@dataclass(frozen=True)
class GradientVerdict:
    """What `check_gradient` found.

    Attributes:
        ok: whether the gradient can be trusted.
        kind: "right", "missing", "zero", "saturated", "rounded", "not finite", "wrong", "random output" or
            "half precision".
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
    five decides. Large images are examined in two steps: all this on a small copy of them, and in float32, as attacks
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
    finding = _within_memory(segmenter, twin, images.to(dtype), seed, clamps)
    if finding is None:
        twin, dtype, why = segmenter, torch.float32, "memory is short"
        finding = judge(segmenter, twin, images, seed, clamps=clamps)
    finding = _by_half(finding, segmenter, twin, images.to(dtype), seed)
    helping = remedies and finding.kind == "wrong"
    options = _remedies(segmenter, twin, images.to(dtype), seed) if helping else ()
    batch = images.shape[0]
    precision = str(dtype).removeprefix("torch.")
    note = f" (checked in float32 only, for the network does not run in float64: {why})" if why else ""
    if helping and dtype == torch.float64 and _picks_differ(segmenter, twin, images):
        note = "; float32 and float64 pick other places by rank (topk or sort), whose scores are then compared"
    message = f"input gradient {finding.kind} at batch {batch}: {finding.detail}{note}"
    return GradientVerdict(finding.kind == "right", finding.kind, finding.error, batch, precision, message, options)


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
    why = ""
    half = half_weights(*modules_of(segmenter))
    for copied in (as_double,) if half is None else (widened, as_double):
        try:
            twin: Segmenter = copied(segmenter)
            with torch.no_grad():
                twin.logits(images[:1].double())
        except Exception as error:  # networks differ in what they raise for another dtype
            why = why or in_words(raised(error))
            continue
        return twin, torch.float64, ""
    return segmenter, torch.float32, why


def _by_half(
    finding: GradientFinding, segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int
) -> GradientFinding:
    """`finding`, or that it is the half precision of the weights that makes the gradient what it is."""
    half = half_weights(*modules_of(segmenter))
    if half is None or finding.kind in ("right", "random output"):
        return finding
    if twin is not segmenter and not is_right(twin, twin, images, seed):
        return finding
    return GradientFinding(
        "half precision",
        f"expected weights of float32, got {str(half).removeprefix('torch.')}, whose rounding leaves no gradient to "
        "check or to follow; call .float() on the network where it is made, and cast its images to nothing less",
        finding.error,
    )


def _picks_differ(segmenter: Segmenter, twin: Segmenter, images: Tensor) -> bool:
    """Whether the network picks otherwise by rank in float64, so that the same target is another place there."""
    picks = []
    for scorer, inputs in ((segmenter, images.float()), (twin, images.double())):
        with torch.no_grad(), recorded() as picked:
            scorer.logits(inputs)
        picks.append(picked)
    return any(not torch.equal(one, other) for one, other in zip(*picks, strict=False))


def _within_memory(
    segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int, clamps: bool
) -> GradientFinding | None:
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
        """Whether the gradient is right whatever is drawn: one that is so by chance is no help."""
        repeated = images[torch.arange(batch, device=images.device) % images.shape[0]]
        try:
            return all(is_right(single, double, repeated, seed + more) for more in range(_REPEATS))
        except Exception:  # out of memory, or a network that takes no other batch or format: then it is no remedy
            return False

    batch = images.shape[0]
    if any(is_right(segmenter, twin, images, seed + more) for more in range(1, _REPEATS)):
        return ()  # what is wrong comes and goes as it is
    larger = next((f"--batch {b}" for b in _BATCHES if b > batch and helps(segmenter, twin, b)), None)
    options = [] if larger is None else [larger]
    with attention(MATH):
        if helps(segmenter, twin, batch):
            options.append(f"--attention {MATH}")
    if isinstance(segmenter, ModuleSegmenter) and not segmenter.channels_last:
        with suppress(Exception):  # a network that cannot be copied
            # Copies, for weights are moved, and the run's are to stay.
            single, double = (with_channels_last(copy.deepcopy(one)) for one in (segmenter, twin))
            if helps(single, double, batch):
                options.append("--memory-format channels_last")
    return tuple(options)
