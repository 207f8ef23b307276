"""Examines the gradient of a network at given images: what, if anything, is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor

from foolscape import memory
from foolscape.errors import ModelError
from foolscape.models.checks.choices import held, recorded
from foolscape.models.checks.differences import TOLERANCE, GradientProbe, quick_disagreement, worst_disagreement
from foolscape.models.checks.flatness import flatness, lopsided
from foolscape.models.common.compiled import is_compiled
from foolscape.models.common.guard import raised, where
from foolscape.problem import likeliest
from foolscape.tasks.segmentation import Segmenter

Kind = Literal[
    "right", "missing", "zero", "saturated", "rounded", "not finite", "wrong", "random output", "half precision"
]

_SINGLE_TOLERANCE: Final = 0.5  # float32 against float64 gradient: loose, for TF32 and autocast are not wrong


@dataclass(frozen=True)
class GradientFinding:
    """What an examination found.

    Attributes:
        kind: as of `GradientVerdict`.
        detail: what was expected and what was seen.
        error: the disagreement with central differences, if it was measured.
        gradient: (B, 3, H, W) float64, where it is right.
    """

    kind: Kind
    detail: str
    error: float | None = None
    gradient: Tensor | None = None


_Comparison = Callable[[GradientProbe, Tensor, torch.Generator], GradientFinding]
"""From a network at a point, its gradient and a generator of directions to what differences say of it."""


@dataclass(frozen=True)
class _Holding:
    """A segmenter that picks what it picked in an earlier pass on the same batch; see `choices`."""

    segmenter: Segmenter
    picks: Sequence[Tensor]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.segmenter.classes

    @property
    def notes(self) -> tuple[str, ...]:
        return self.segmenter.notes

    def logits(self, images: Tensor) -> Tensor:
        with held(self.picks):
            return self.segmenter.logits(images)


def judge(segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int, *, clamps: bool = False) -> GradientFinding:
    """What is wrong with the gradient of `segmenter`, flat scores and single precision included.

    Args:
        segmenter: as attacks differentiate it.
        twin: the same in the precision of `images`.
        images: (B, 3, H, W) in [0, 1], of float64 if the network runs in that.
        seed: of the random directions and weights.
        clamps: whether scores of certain targets are clamped by right.
    """
    return _named_in_both(segmenter, *examine(twin, images, seed), clamps, seed)


def is_right(segmenter: Segmenter, twin: Segmenter, images: Tensor, seed: int) -> bool:
    """Whether `judge` finds nothing wrong; a gradient that is wrong costs a fraction of the passes."""
    finding, probe = examine(twin, images, seed, compare=_compare_hastily)
    return finding.kind == "right" and _named_in_both(segmenter, finding, probe, False, seed).kind == "right"


def judge_quickly(segmenter: Segmenter, images: Tensor, seed: int, *, clamps: bool = False) -> GradientFinding | None:
    """The same for `images` in float32 from few passes: right, or None where only `judge` can decide."""
    finding, probe = examine(segmenter, images, seed, compare=_compare_quickly)
    if finding.kind != "right" or finding.error is None:
        return None
    return finding if _named(finding, probe, clamps, seed).kind == "right" else None


def examine(
    segmenter: Segmenter, images: Tensor, seed: int, *, compare: _Comparison | None = None
) -> tuple[GradientFinding, GradientProbe]:
    """What is wrong with the gradient of `segmenter` at `images`, in their precision.

    What the network picks by rank it picks alike in all passes: the choice has no gradient, and where two are nearly
    tied a small change or another precision makes the other one.
    """
    generator = torch.Generator().manual_seed(seed)
    images = _inside(images, generator)
    recording: AbstractContextManager[list[Tensor]] = nullcontext([]) if is_compiled(segmenter) else recorded()
    with torch.no_grad(), recording as picks:
        clean = segmenter.logits(images)
    if picks:
        segmenter = _Holding(segmenter, tuple(picks))
    weights = torch.randn(clean.shape, generator=generator, dtype=torch.float64).to(images.device)
    probe = GradientProbe(segmenter, images, likeliest(clean), weights, clean)
    if not bool(torch.isfinite(clean).all()):
        return GradientFinding("not finite", "expected finite scores, got NaN or infinite ones"), probe
    gradient = _gradient(probe, clean)
    if isinstance(gradient, GradientFinding):
        return gradient, probe
    return (compare or _compare)(probe, gradient, generator), probe


def _named_in_both(
    segmenter: Segmenter, finding: GradientFinding, probe: GradientProbe, clamps: bool, seed: int
) -> GradientFinding:
    """`finding` with flat scores told apart, and in float32, too, where it is of float64 and right."""
    if finding.kind in ("right", "zero", "wrong"):
        finding = _named(finding, probe, clamps, seed)
    if finding.kind == "right" and probe.images.dtype == torch.float64:
        finding = _single_precision(segmenter, probe, finding)
    return finding


def _named(finding: GradientFinding, probe: GradientProbe, clamps: bool, seed: int) -> GradientFinding:
    """`finding`, or that the scores are flat, which says more than a gradient of zero or a wrong one."""
    flat = flatness(probe.segmenter, probe.images, probe.clean, seed, finding.kind)
    if flat is None:
        flat = lopsided(probe.clean)
    if flat is None or (clamps and finding.kind == "right"):
        return finding
    return GradientFinding(flat.kind, flat.detail)


def _inside(images: Tensor, generator: torch.Generator) -> Tensor:
    """`images` moved by at most 7.6 levels: off 0 and 1, where clamping has a kink, and no two pixels alike.

    A drawn or saturated area holds equal pixels: max-pool then has ties, and its central difference along a random
    direction is not the derivative that autograd rightly picks.
    """
    noise = torch.rand(images.shape, generator=generator, dtype=torch.float64).to(images)
    return (0.02 + 0.95 * images + 0.01 * noise).detach()


def _gradient(probe: GradientProbe, clean: Tensor | None) -> Tensor | GradientFinding:
    """(B, 3, H, W) float64: the gradient of the loss, or what is wrong with it or with the scores at first sight.

    `clean` are the scores of an earlier call, to be had again.
    """
    images = probe.images.clone().requires_grad_()
    with torch.enable_grad():
        try:
            logits = probe.segmenter.logits(images)
        except (RuntimeError, ModelError) as error:  # the same forward pass went well without gradients
            if memory.is_short(error):
                raise
            behind = raised(error)
            return GradientFinding(
                "missing", f"expected a forward pass that records gradients, got {behind}{where(behind)}"
            )
        if clean is not None and (finding := _random(logits.detach(), clean)):
            return finding
        if not logits.requires_grad:
            return GradientFinding(
                "missing",
                "expected scores that depend on the image, got scores that require no gradient; look for "
                "torch.no_grad, inference_mode, detach or numpy in forward",
            )
        try:
            parts: Sequence[Tensor | None] = torch.autograd.grad(probe.losses(logits).sum(), images, allow_unused=True)
        except Exception as error:  # of a backward pass that the user wrote
            if memory.is_short(error):
                raise
            return GradientFinding(
                "missing", f"expected a backward pass, got {type(error).__name__}: {error}{where(error)}"
            )
    if parts[0] is None:
        return GradientFinding("missing", "expected scores that depend on the image, got none that do; look for detach")
    return _at_first_sight(parts[0]) or parts[0].double()


def _random(logits: Tensor, clean: Tensor) -> GradientFinding | None:
    """Whether two calls with the same images gave different scores."""
    difference = float((logits - clean).abs().max() / clean.abs().max().clamp_min(1e-30))
    if difference <= (1e-6 if clean.dtype == torch.float64 else 1e-3):
        return None
    return GradientFinding(
        "random output",
        f"expected the same scores for the same images, got a difference of {difference:.1e} of the largest score "
        "between two calls; look for dropout that eval() does not switch off, or noise drawn in forward",
    )


def _at_first_sight(gradient: Tensor) -> GradientFinding | None:
    """What is wrong with `gradient` (B, 3, H, W) that needs no comparison."""
    if not bool(torch.isfinite(gradient).all()):
        bad = int((~torch.isfinite(gradient)).sum())
        return GradientFinding("not finite", f"expected finite values, got {bad} NaN or infinite of {gradient.numel()}")
    zero = [i for i, part in enumerate(gradient) if not bool(part.any())]
    if zero:
        return GradientFinding(
            "zero",
            f"expected a non-zero value somewhere in every image, got exact zeros for {len(zero)} of {len(gradient)} "
            "images; look for argmax, dead activations or scores that do not depend on the image",
        )
    return None


def _compare(
    probe: GradientProbe, gradient: Tensor, generator: torch.Generator, *, hasty: bool = False
) -> GradientFinding:
    """The verdict of central differences on `gradient`; `hasty` as of `worst_disagreement`."""
    worst = worst_disagreement(probe, gradient, generator, hasty=hasty)
    if worst is None:
        return GradientFinding("right", "not zero, but too small for rounding errors to leave a check", None, gradient)
    tolerance = TOLERANCE[probe.images.dtype]
    if worst <= tolerance:
        return GradientFinding("right", f"agrees with central differences within {worst:.1g}", worst, gradient)
    return GradientFinding(
        "wrong",
        f"expected agreement with central differences within {tolerance:.0%}, got a disagreement of {worst:.0%}; part "
        "of the network is detached (detach, no_grad, numpy) or has a backward pass of its own that is not its "
        "derivative, or a known fault of PyTorch does this",
        worst,
    )


def _compare_hastily(probe: GradientProbe, gradient: Tensor, generator: torch.Generator) -> GradientFinding:
    """The same verdict, right or wrong, by another figure where it is wrong."""
    return _compare(probe, gradient, generator, hasty=True)


def _compare_quickly(probe: GradientProbe, gradient: Tensor, generator: torch.Generator) -> GradientFinding:
    """The verdict of fewer differences on `gradient`: as strict in float32 as in float64."""
    worst = quick_disagreement(probe, gradient, generator)
    right = worst is not None and worst <= TOLERANCE[torch.float64]
    return GradientFinding("right" if right else "wrong", "", worst, gradient)


def _single_precision(segmenter: Segmenter, probe: GradientProbe, finding: GradientFinding) -> GradientFinding:
    """`finding` in float64, or what is wrong with the float32 gradient, which is the one that attacks use."""
    double = finding.gradient
    assert double is not None
    if isinstance(probe.segmenter, _Holding):
        segmenter = dataclasses.replace(probe.segmenter, segmenter=segmenter)
    single = _gradient(dataclasses.replace(probe, segmenter=segmenter, images=probe.images.float()), None)
    if isinstance(single, GradientFinding):
        return dataclasses.replace(single, detail=f"{single.detail} (in float32; right in float64)")
    error = float((single - double).norm() / double.norm())
    if error <= _SINGLE_TOLERANCE:
        return finding
    return GradientFinding("wrong", f"right in float64, but in float32 off by {error:.0%}", error)
