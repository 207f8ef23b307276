"""Is the gradient of a model with respect to its input right?

Some operations of PyTorch return a silently wrong one, and networks cut it, round it away or draw random numbers. An
attack on such a network looks weak and the network robust. Central differences in float64 tell, for about a dozen
forward passes; flat scores, which they cannot tell from a gradient of zero, are looked for apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from foolscape import memory
from foolscape.errors import GradientError
from foolscape.models.differences import TOLERANCE, Probe, worst_disagreement
from foolscape.models.flatness import flatness, lopsided
from foolscape.models.wrappers import ModuleSegmenter, as_double, with_channels_last
from foolscape.tasks.segmentation import Segmenter

__all__ = ["GradientVerdict", "check_gradient", "raise_unless_ok"]

Kind = Literal["right", "missing", "zero", "saturated", "rounded", "not finite", "wrong", "random output"]

_SINGLE_TOLERANCE: Final = 0.5  # float32 against float64 gradient: loose, for TF32 and autocast are not wrong
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


@dataclass(frozen=True)
class _Finding:
    kind: Kind
    detail: str
    error: float | None = None
    gradient: Tensor | None = None


def check_gradient(segmenter: Segmenter, images: Tensor, *, seed: int, clamps: bool = False) -> GradientVerdict:
    """Compare the input gradient of `segmenter` with central differences, at the very batch size given.

    The gradient is that of the attacks' own kind of loss, on a float64 copy of the network; a network that does not run
    in float64, or not within the memory there is, is checked in float32, less sharply. It is compared along itself and
    along two random directions, one if the batch has 2**19 pixels or more; before a network is accused, the median of
    five decides. Sound networks cost about a dozen forward passes.

    Args:
        segmenter: on the device of `images`; not changed.
        images: (B, 3, H, W) float32 in [0, 1], a batch as the run will have it.
        seed: of the random directions and weights.
        clamps: whether scores of certain targets are clamped by right, as published trackers do.

    Raises:
        ModelError: the network does not run at all on these images.
        RuntimeError: memory is short in float32, too.
    """
    twin, dtype, why = _twin(segmenter, images)
    examined = _within_memory(twin, images.to(dtype), seed)
    if examined is None:
        twin, dtype, why = segmenter, torch.float32, "memory is short"
        examined = _examine(twin, images, seed)
    found, probe = examined
    if found.kind in ("right", "zero", "wrong"):
        found = _named(found, probe, clamps, seed)
    if found.kind == "right" and dtype == torch.float64:
        found = _single_precision(segmenter, probe, found)
    remedies = _remedies(twin, images.to(dtype), seed) if found.kind == "wrong" else ()
    batch = images.shape[0]
    precision = str(dtype).removeprefix("torch.")
    note = f" (checked in float32 only, for the network does not run in float64: {why})" if why else ""
    message = f"input gradient {found.kind} at batch {batch}: {found.detail}{note}"
    return GradientVerdict(found.kind == "right", found.kind, found.error, batch, precision, message, remedies)


def raise_unless_ok(verdict: GradientVerdict) -> None:
    """Raise `GradientError` with the remedies as command-line options, unless the gradient is right."""
    if verdict.ok:
        return
    if verdict.remedies:
        advice = f"Right with {' or with '.join(verdict.remedies)}"
    elif verdict.kind == "wrong":
        advice = "Neither a larger batch nor another memory format makes it right: see docs/your-own-model.md"
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


def _within_memory(segmenter: Segmenter, images: Tensor, seed: int) -> tuple[_Finding, Probe] | None:
    """What `_examine` finds; None if memory is too short for that in float64."""
    try:
        return _examine(segmenter, images, seed)
    except Exception as error:
        if images.dtype != torch.float64 or not memory.is_short(error):
            raise
    memory.give_back()
    return None


def _examine(segmenter: Segmenter, images: Tensor, seed: int) -> tuple[_Finding, Probe]:
    """What is the matter with the gradient of `segmenter` at `images`, in their precision."""
    generator = torch.Generator().manual_seed(seed)
    images = _inside(images, generator)
    with torch.no_grad():
        clean = segmenter.logits(images)
    weights = torch.randn(clean.shape, generator=generator, dtype=torch.float64).to(images.device)
    probe = Probe(segmenter, images, clean.argmax(dim=1), weights)
    if not bool(torch.isfinite(clean).all()):
        return _Finding("not finite", "expected finite scores, got NaN or infinite ones"), probe
    gradient = _gradient(probe, clean)
    return (gradient if isinstance(gradient, _Finding) else _compare(probe, gradient, generator)), probe


def _named(found: _Finding, probe: Probe, clamps: bool, seed: int) -> _Finding:
    """`found`, or that the scores are flat, which says more than a gradient of zero or a wrong one."""
    with torch.no_grad():
        scores = probe.segmenter.logits(probe.images)
    flat = flatness(probe.segmenter, probe.images, scores, seed, zero=found.kind == "zero")
    if flat is None:
        flat = lopsided(scores)
    if flat is None or (clamps and found.kind == "right"):
        return found
    return _Finding(flat.kind, flat.detail)


def _inside(images: Tensor, generator: torch.Generator) -> Tensor:
    """`images` moved by at most 7.6 levels: off 0 and 1, where clamping has a kink, and no two pixels alike.

    A drawn or saturated area holds equal pixels: max-pool then has ties, and its central difference along a random
    direction is not the derivative that autograd rightly picks.
    """
    noise = torch.rand(images.shape, generator=generator, dtype=torch.float64).to(images)
    return (0.02 + 0.95 * images + 0.01 * noise).detach()


def _gradient(probe: Probe, clean: Tensor | None) -> Tensor | _Finding:
    """(B, 3, H, W) float64: the gradient of the loss, or what is wrong with it or with the scores at first sight.

    `clean` are the scores of an earlier call, to be had again.
    """
    images = probe.images.clone().requires_grad_()
    with torch.enable_grad():
        try:
            logits = probe.segmenter.logits(images)
        except RuntimeError as error:  # the same forward pass went well without gradients
            if memory.is_short(error):
                raise
            return _Finding("missing", f"expected a forward pass that records gradients, got {error}")
        if clean is not None and (finding := _random(logits.detach(), clean)):
            return finding
        if not logits.requires_grad:
            return _Finding(
                "missing",
                "expected scores that depend on the image, got scores that require no gradient; look for "
                "torch.no_grad, inference_mode, detach or numpy in forward",
            )
        try:
            parts: Sequence[Tensor | None] = torch.autograd.grad(probe.losses(logits).sum(), images, allow_unused=True)
        except RuntimeError as error:
            if memory.is_short(error):
                raise
            return _Finding("missing", f"expected a backward pass, got {type(error).__name__}: {error}")
    if parts[0] is None:
        return _Finding("missing", "expected scores that depend on the image, got none that do; look for detach")
    return _at_first_sight(parts[0]) or parts[0].double()


def _random(logits: Tensor, clean: Tensor) -> _Finding | None:
    """Whether two calls with the same images gave different scores."""
    difference = float((logits - clean).abs().max() / clean.abs().max().clamp_min(1e-30))
    if difference <= (1e-6 if clean.dtype == torch.float64 else 1e-3):
        return None
    return _Finding(
        "random output",
        f"expected the same scores for the same images, got a difference of {difference:.1e} of the largest score "
        "between two calls; look for dropout that eval() does not switch off, or noise drawn in forward",
    )


def _at_first_sight(gradient: Tensor) -> _Finding | None:
    """What is wrong with `gradient` (B, 3, H, W) that needs no comparison."""
    if not bool(torch.isfinite(gradient).all()):
        bad = int((~torch.isfinite(gradient)).sum())
        return _Finding("not finite", f"expected finite values, got {bad} NaN or infinite of {gradient.numel()}")
    zero = [i for i, part in enumerate(gradient) if not bool(part.any())]
    if zero:
        return _Finding(
            "zero",
            f"expected a non-zero value somewhere in every image, got exact zeros for {len(zero)} of {len(gradient)} "
            "images; look for argmax, dead activations or scores that do not depend on the image",
        )
    return None


def _compare(probe: Probe, gradient: Tensor, generator: torch.Generator) -> _Finding:
    """The verdict of central differences on `gradient`."""
    worst = worst_disagreement(probe, gradient, generator)
    if worst is None:
        return _Finding("right", "not zero, but too small for rounding errors to leave a check", None, gradient)
    tolerance = TOLERANCE[probe.images.dtype]
    if worst <= tolerance:
        return _Finding("right", f"agrees with central differences within {worst:.1g}", worst, gradient)
    return _Finding(
        "wrong",
        f"expected agreement with central differences within {tolerance:.0%}, got a disagreement of {worst:.0%}; part "
        "of the network is detached (detach, no_grad, numpy) or has a backward pass of its own that is not its "
        "derivative, or a known fault of PyTorch does this",
        worst,
    )


def _single_precision(segmenter: Segmenter, probe: Probe, found: _Finding) -> _Finding:
    """`found` in float64, or what is wrong with the float32 gradient, which is the one that attacks use."""
    double = found.gradient
    assert double is not None
    single = _gradient(dataclasses.replace(probe, segmenter=segmenter, images=probe.images.float()), None)
    if isinstance(single, _Finding):
        return dataclasses.replace(single, detail=f"{single.detail} (in float32; right in float64)")
    error = float((single - double).norm() / double.norm())
    if error <= _SINGLE_TOLERANCE:
        return found
    return _Finding("wrong", f"right in float64, but in float32 off by {error:.0%}", error)


def _remedies(twin: Segmenter, images: Tensor, seed: int) -> tuple[str, ...]:
    """The options with which the gradient is right."""

    def helps(segmenter: Segmenter, batch: int) -> bool:
        repeated = images[torch.arange(batch, device=images.device) % images.shape[0]]
        try:
            return _examine(segmenter, repeated, seed)[0].kind == "right"
        except Exception:  # out of memory, or a network that takes no other batch or format: then it is no remedy
            return False

    batch = images.shape[0]
    larger = next((f"--batch {b}" for b in _BATCHES if b > batch and helps(twin, b)), None)
    found = [] if larger is None else [larger]
    if isinstance(twin, ModuleSegmenter) and not twin.channels_last and helps(with_channels_last(twin), batch):
        found.append("--memory-format channels_last")
    return tuple(found)
