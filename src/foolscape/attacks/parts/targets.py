"""Adversarial labels: which class each target should be taken for.

Every function takes label maps (B, *N) with `IGNORE` where nothing counts and one generator per image, and returns the
wanted classes in the same shape, `IGNORE` where nothing is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from foolscape.problem import IGNORE

TargetRule = Callable[[Tensor, Sequence[torch.Generator]], Tensor]
"""(labels (B, *N), generators) -> wanted classes (B, *N)."""


def derangement(classes: int, generator: torch.Generator) -> Tensor:
    """(classes,) int64: a uniformly random permutation without a fixed point; needs at least two classes."""
    if classes < 2:
        raise ValueError(f"expected at least 2 classes to permute, got {classes}")
    while True:  # about e tries: a share of 1/e of all permutations has no fixed point
        permutation = torch.randperm(classes, generator=generator)
        if not (permutation == torch.arange(classes)).any():
            return permutation


def permuted(classes: int) -> TargetRule:
    """DAG's adversarial labels (Xie et al. 2017, section 3.1): l' = pi(l), pi a random derangement, one per image."""

    def rule(labels: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        maps = torch.stack([derangement(classes, g) for g in generators])
        return _look_up(maps, labels)

    return rule


def absent(classes: int, background: int | None) -> TargetRule:
    """The released code's adversarial labels: each class of the image becomes a class that the image does not show.

    The background (where the data have one) stays as it is. Classes are assigned one to one as long as absent ones
    last; an image that shows more classes than it lacks uses some twice, and one that shows every class falls back to a
    derangement (the released code, on the 20 objects of VOC, never meets either case).
    """

    def rule(labels: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        maps = [_absent_map(image, classes, background, g) for image, g in zip(labels, generators, strict=True)]
        return _look_up(torch.stack(maps), labels)

    return rule


def _absent_map(labels: Tensor, classes: int, background: int | None, generator: torch.Generator) -> Tensor:
    every = set(range(classes)) - {background}
    shown = sorted(every & set(torch.unique(labels).tolist()))
    missing = sorted(every - set(shown))
    mapping = torch.arange(classes)
    if not missing:
        inner = torch.tensor(sorted(every))
        mapping[inner] = inner[derangement(len(inner), generator)]
        return mapping
    order = torch.randperm(len(missing), generator=generator).tolist()
    for rank, label in enumerate(shown):
        mapping[label] = missing[order[rank % len(order)]]
    return mapping


def _look_up(maps: Tensor, labels: Tensor) -> Tensor:
    """maps (B, classes) applied to labels (B, *N), `IGNORE` kept."""
    flat = labels.flatten(1)
    wanted = maps.to(labels.device).gather(1, flat.clamp(min=0))
    return torch.where(flat == IGNORE, IGNORE, wanted).reshape(labels.shape)
