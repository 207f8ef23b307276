"""Semantic segmentation: the protocol a model must meet, and the problem an attack sees."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from foolscape.problem import Problem, likeliest
from foolscape.tasks.finite import check_finite


@runtime_checkable
class Segmenter(Protocol):
    """A semantic segmentation model as foolscape sees it.

    The adapter owns normalisation, resizing and padding; its parameters are frozen and it is in eval mode.

    Attributes:
        classes: the names of the output channels, in order.
        notes: remarks for the reader of a table, such as an output that had to be upsampled.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def logits(self, images: Tensor) -> Tensor:
        """Class scores before softmax.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1], any H and W.

        Returns:
            (B, C, H, W) of the same dtype and device, differentiable in `images`.

        Raises:
            ModelError: the network returned something else.
        """
        ...


def problem(model: Segmenter, images: Tensor, labels: Tensor, target: Tensor | None = None) -> Problem:
    """The attack's view of segmenting `images` ((B, 3, H, W)) with `labels` and `target` ((B, H, W) int64)."""
    return Problem(images=images, labels=labels, target=target, scores=model.logits)


@torch.no_grad()
def predict(model: Segmenter, images: Tensor) -> Tensor:
    """(B, H, W) int64: the class of the largest score at every pixel of `images` ((B, 3, H, W) in [0, 1]).

    Raises:
        ModelError: a score is NaN or infinite, or `logits` says so.
    """
    logits = model.logits(images)
    check_finite(logits)
    return likeliest(logits)
