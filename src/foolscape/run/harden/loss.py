"""The loss of a segmentation network in training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.problem import IGNORE


def entropy_and_dice(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy plus half the soft Dice loss over the batch, which follows the mIoU where classes are thin.

    Args:
        logits: (B, C, H, W) class scores.
        labels: (B, H, W) int64, `IGNORE` where nothing counts.
        smoothing: of the labels, in [0, 1), for the cross-entropy.

    Returns:
        () the loss.
    """
    counted = (labels != IGNORE).unsqueeze(1)
    total = functional.cross_entropy(logits, labels, ignore_index=IGNORE, label_smoothing=smoothing, reduction="sum")
    entropy = total / counted.sum().clamp(min=1)  # crops may be void alone
    chance = logits.softmax(1) * counted
    truth = torch.zeros_like(chance).scatter_(1, labels.clamp(min=0).unsqueeze(1), 1) * counted
    both = (chance * truth).sum((0, 2, 3))
    dice = 1 - (2 * both + 1) / (chance.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 1)
    return entropy + 0.5 * dice.mean()
