"""Central differences: how far a gradient is from the slope of the loss that it is the gradient of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.tasks.segmentation import Segmenter

TOLERANCE: Final = {torch.float64: 0.05, torch.float32: 0.2}
"""Relative disagreement with central differences that is still right; a wrong gradient is off by about 1."""

# Steps per pixel value, best first: larger ones meet the kinks of ReLU and max-pool, smaller ones rounding.
_STEPS: Final = {torch.float64: (1e-7, 1e-5, 1e-6, 1e-4, 1e-8), torch.float32: (1e-5, 1e-4, 1e-6, 1e-3)}
_LARGE: Final = 2**19  # pixels in a batch from which on one random direction is taken instead of two
_MORE: Final = 5  # random directions before a network is accused


@dataclass(frozen=True)
class GradientProbe:
    """A segmenter at a point: the images, and the loss whose gradient is checked."""

    segmenter: Segmenter
    images: Tensor  # (B, 3, H, W) in the precision of the check
    labels: Tensor  # (B, H, W) the clean prediction
    weights: Tensor  # (B, C, H, W) of the softmax in the loss
    clean: Tensor  # (B, C, H, W) scores of the images

    def losses(self, logits: Tensor) -> Tensor:
        """(B, H, W) float64: cross-entropy on the clean prediction plus a random linear function of the softmax."""
        logits = logits.double()
        ce = functional.cross_entropy(logits, self.labels, reduction="none")
        return (ce + (self.weights * logits.softmax(dim=1)).sum(dim=1)) / self.labels[0].numel()


def worst_disagreement(
    probe: GradientProbe, gradient: Tensor, generator: torch.Generator, *, hasty: bool = False
) -> float | None:
    """How far `gradient` ((B, 3, H, W) float64) is from central differences; None: all hidden by rounding errors.

    0 is perfect, 1 is off by as much as the gradient is large. The larger of two: along the gradient itself, and along
    random directions (the worst of one or two; where that is too bad, the median of five). `hasty`: where the first is
    too bad already, it is the answer, and no random direction is looked along.
    """

    def along_random() -> float | None:
        signs = torch.randint(0, 2, gradient.shape, generator=generator, dtype=torch.float64).to(gradient.device)
        return _disagreement(probe, gradient, 2 * signs - 1)

    few = 1 if probe.labels.numel() >= _LARGE else 2
    # All directions have the same length: that of one step in every pixel value.
    along_itself = _disagreement(probe, gradient, gradient / gradient.norm() * gradient.numel() ** 0.5)
    if hasty and along_itself is not None and along_itself > TOLERANCE[probe.images.dtype]:
        return along_itself
    randoms = [along_random() for _ in range(few)]
    worst = _worst(along_itself, randoms, every=True)
    if worst is not None and worst > TOLERANCE[probe.images.dtype]:
        randoms += [along_random() for _ in range(_MORE - few)]
        worst = _worst(along_itself, randoms, every=False)
    return worst


def quick_disagreement(probe: GradientProbe, gradient: Tensor, generator: torch.Generator) -> float | None:
    """As `worst_disagreement` from two directions, the gradient's and a random one; None if rounding hides either."""
    signs = torch.randint(0, 2, gradient.shape, generator=generator, dtype=torch.float64).to(gradient.device)
    along_itself = _disagreement(probe, gradient, gradient / gradient.norm() * gradient.numel() ** 0.5)
    along_random = None if along_itself is None else _disagreement(probe, gradient, 2 * signs - 1)
    return None if along_itself is None or along_random is None else max(along_itself, along_random)


def _worst(along_itself: float | None, randoms: Sequence[float | None], *, every: bool) -> float | None:
    """The larger of the disagreement along the gradient and the one along random directions (each, or the median)."""
    known = [error for error in randoms if error is not None]
    worst = [max(known) if every else median(known)] if known else []
    return max(worst + ([] if along_itself is None else [along_itself]), default=None)


def _disagreement(probe: GradientProbe, gradient: Tensor, direction: Tensor) -> float | None:
    """The relative disagreement along `direction` at the step where it is least; None where rounding hides both."""
    best: float | None = None
    for step in _STEPS[probe.images.dtype]:
        ahead = (probe.images.double() + step * direction).to(probe.images.dtype)
        behind = (probe.images.double() - step * direction).to(probe.images.dtype)
        with torch.no_grad():
            upper, lower = (probe.losses(probe.segmenter.logits(x)) for x in (ahead, behind))
        # Subtracting pixel by pixel before summing keeps the digits that the sums would lose.
        measured = float((upper - lower).sum())
        predicted = float((gradient * (ahead.double() - behind.double())).sum())
        rounding = 16 * torch.finfo(probe.images.dtype).eps * float(upper.norm())
        if max(abs(measured), abs(predicted)) <= rounding:
            continue
        # A random direction may happen to be nearly orthogonal to the gradient; what is off is then judged by the
        # size that the derivative usually has.
        usual = 0.1 * float(gradient.norm() * (ahead.double() - behind.double()).norm()) / gradient.numel() ** 0.5
        error = abs(measured - predicted) / max(abs(measured), abs(predicted), usual)
        best = error if best is None else min(best, error)
        if best <= 0.2 * TOLERANCE[probe.images.dtype]:
            break
    return best
