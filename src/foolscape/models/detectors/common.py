"""What all detectors share: from the scores of a head to candidates, and from candidates to detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.common.output import DOCS
from foolscape.models.common.wrappers import straighten
from foolscape.tasks.detection import Candidates, Detections
from foolscape.tasks.finite import tested_now

SIGMOID_NOTE: Final = "scores: class log-odds; background: log-odds 0, a probability of one half (sigmoid head)"
SOFTMAX_NOTE: Final = "scores: the head's logits, its own no-object class as background (softmax head)"

_LEAST: Final = 1e-36
"""The smallest probability distinguished from 0: its inverse, times the gradient of a loss, still fits into float32."""


def log_odds(log_p: Tensor) -> Tensor:
    """log(p / (1 - p)) of the logarithms `log_p` of probabilities (any shape), finite, with gradients for every p < 1.

    Written in log p, so that probabilities that are products keep their gradient where they are tiny; p = 1, which
    rounding makes of p > 1 - 6e-8 in float32, counts as the largest float below 1 and has no gradient.
    """
    below = log_p.clamp(max=-torch.finfo(log_p.dtype).eps / 2)
    return below - torch.log(-torch.expm1(below))


def log_probability(p: Tensor) -> Tensor:
    """log(p) of probabilities (any shape); below 1e-36, where p has no gradient left in float32, that of 1e-36."""
    return p.clamp(min=_LEAST).log()


def sigmoid_scores(logits: Tensor) -> Tensor:
    """(B, C + 1, N) scores of class log-odds (B, N, C): the background, the last channel, has log-odds 0."""
    straighten(logits)
    return functional.pad(logits, (0, 1)).transpose(1, 2)


def softmax_scores(logits: Tensor, channels: Sequence[int]) -> Tensor:
    """(B, C + 1, N) scores of logits (B, N, K) before a softmax: those of `channels`, then the background's.

    All other channels are background: the head's own, and those without a class, whose probabilities are added to it,
    so that the softmax of the scores gives each class the probability that the network gives it.
    """
    straighten(logits)
    others = [i for i in range(logits.shape[-1]) if i not in channels]
    if len(others) == 1:
        return pick(logits, (*channels, *others)).transpose(1, 2)
    background = pick(logits, others).logsumexp(dim=-1, keepdim=True)
    return torch.cat([pick(logits, channels), background], dim=-1).transpose(1, 2)


def pick(values: Tensor, channels: Sequence[int]) -> Tensor:
    """`values[..., channels]`, and `values` itself where that is all of them in order."""
    if tuple(channels) == tuple(range(values.shape[-1])):
        return values
    return values.index_select(-1, torch.tensor(channels, device=values.device))


def candidates_of(boxes: Tensor, scores: Tensor, images: Tensor) -> Candidates:
    """`boxes` (B, N, 4) and `scores` (B, C + 1, N) for `images` ((B, 3, H, W)), in the dtype of the images.

    Raises:
        ModelError: there is no candidate; or a box or a score is NaN or infinite, which is not tested in the steps of
            an attack (`tasks.finite.tested_now`): they do not wait for it, and an image that breaks there fails alone.
    """
    if boxes.shape[1] == 0:
        raise ModelError(
            f"expected at least one candidate box per image, got none for {images.shape[0]} images of "
            f"{images.shape[2]} x {images.shape[3]}; return the candidates before thresholding and NMS: {DOCS}"
        )
    # One answer is waited for; what is wrong is looked for if anything is.
    if tested_now() and not bool(torch.isfinite(boxes).all() & torch.isfinite(scores).all()):
        check_boxes(boxes)
        check_scores(scores)
    return Candidates(boxes.to(images.dtype), scores.to(images.dtype))


def check_scores(scores: Tensor) -> None:
    """Raise `ModelError` if `scores` (any shape) hold NaN or infinite values, which no threshold would let through."""
    bad = int((~torch.isfinite(scores)).sum())
    if bad:
        raise ModelError(
            f"expected finite scores, got {bad} NaN or infinite of {scores.numel()}; look for a division by zero, "
            "log(0) or an overflow in the network, or weights that were not loaded"
        )


def check_boxes(boxes: Tensor) -> None:
    """Raise `ModelError` if `boxes` (..., 4) hold NaN or infinite values."""
    finite = torch.isfinite(boxes)
    if not bool(finite.all()):
        bad = int((~finite.all(dim=-1)).sum())
        raise ModelError(
            f"expected finite boxes, got {bad} of {boxes.numel() // 4} with NaN or infinite corners; look for a "
            "division by zero or an overflow in the network, or weights that were not loaded"
        )


def best_class(boxes: Tensor, scores: Tensor, score_threshold: float, iou_threshold: float, most: int) -> Detections:
    """The detections among the candidates of one image: each keeps its best class, then NMS within each class.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 in pixels.
        scores: (N, C) probabilities.
        score_threshold: the least score.
        iou_threshold: a box that overlaps a better one of its class by more is dropped.
        most: how many are kept.
    """
    from torchvision.ops import nms

    best, labels = scores.max(dim=1)
    chosen = torch.nonzero(best >= score_threshold)[:, 0]
    boxes, best, labels = boxes[chosen], best[chosen], labels[chosen]
    kept = torch.zeros_like(labels, dtype=torch.bool)
    # Not batched_nms: it moves boxes by the largest coordinate, and one huge box would round all others away.
    for label in set(labels.tolist()):
        own = torch.nonzero(labels == label)[:, 0]
        kept[own[nms(boxes[own].float(), best[own].float(), iou_threshold)]] = True
    rows = torch.nonzero(kept)[:, 0]
    rows = rows[best[rows].argsort(descending=True, stable=True)][:most]
    return Detections(boxes[rows], best[rows], labels[rows])


def detections_of(
    boxes: Tensor, scores: Tensor, labels: Tensor, score_threshold: float, channels: Sequence[int] | None = None
) -> Detections:
    """The detections of one image in order of their scores, without those under the threshold or of no class.

    Args:
        boxes: (K, 4) in pixels.
        scores: (K,) in [0, 1].
        labels: (K,) as the network counts classes.
        score_threshold: the least score.
        channels: the network's label of each class; None: they are the classes' own numbers.

    Raises:
        ModelError: a box is NaN or infinite.
    """
    check_boxes(boxes)
    labels = labels.long()
    chosen = scores >= score_threshold
    if channels is not None:
        number = torch.full((max(channels) + 1,), -1, device=labels.device)
        number[list(channels)] = torch.arange(len(channels), device=labels.device)
        known = labels < len(number)
        labels = torch.where(known, number[labels.clamp(max=len(number) - 1)], -1)
        chosen = chosen & (labels >= 0)
    boxes, scores, labels = boxes[chosen], scores[chosen], labels[chosen]
    order = scores.argsort(descending=True, stable=True)
    return Detections(boxes[order], scores[order], labels[order])
