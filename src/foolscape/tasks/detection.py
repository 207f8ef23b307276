"""Object detection: the protocol a model must meet, and what it hands out before and after NMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from foolscape.problem import Problem


@dataclass(frozen=True)
class Candidates:
    """Every box that a detector considered, before thresholding and NMS.

    Attributes:
        boxes: (B, N, 4) float, x1, y1, x2, y2 in pixels of the images given; need not be inside the image.
        scores: (B, C + 1, N) unnormalised log-scores, differentiable in the images. Channels 0 to C - 1 are the classes
            in order, channel C is the background: a candidate is taken for the channel of its largest score.
    """

    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Detections:
    """What a detector found in one image, after NMS, the highest score first.

    Attributes:
        boxes: (K, 4) float, x1, y1, x2, y2 in pixels of the image given.
        scores: (K,) float in [0, 1].
        labels: (K,) int64 index into the detector's classes.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


@runtime_checkable
class Detector(Protocol):
    """An object detector as foolscape sees it.

    The adapter owns normalisation, resizing and padding; its parameters are frozen and it is in eval mode.

    Attributes:
        classes: the names of the object classes, in order; the background is not among them.
        notes: remarks for the reader of a table, such as what the background row means.
        two_stage: whether candidates are proposals that move with the image. If so, `candidates` scores the boxes it is
            given; if not, candidate n is the same anchor, cell or query in every call, and given boxes are ignored.
    """

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def two_stage(self) -> bool: ...

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """The candidates of a batch.

        Args:
            images: (B, 3, H, W) float RGB in [0, 1].
            boxes: (B, N, 4) in pixels, for a two-stage detector: score these instead of its own proposals.

        Raises:
            ModelError: the network returned something else.
        """
        ...

    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections of each image with a score of at least `score_threshold`, without gradient."""
        ...


def probabilities(scores: Tensor) -> Tensor:
    """(B, C, N): the classes' probabilities in `Candidates.scores` (B, C + 1, N).

    A softmax over all channels; a sigmoid of each class where the background is zero throughout, which is how the
    heads that score every class on its own are written down.
    """
    # Which of the two it is stays on the device: a GPU would have to be waited for.
    return torch.where((scores[:, -1] == 0).all(), scores[:, :-1].sigmoid(), scores.softmax(dim=1)[:, :-1])


def assign(candidates: Candidates, boxes: Tensor, labels: Tensor, least: float) -> Tensor:
    """What each candidate of one image is: an object's class, or the background.

    DAG's rule (Xie et al. 2017, section 3.3): a candidate belongs to an object if it overlaps the object's box by an
    IoU above `least` and scores above `least` for its class; of several objects to the one it overlaps most.

    Args:
        candidates: of a batch of one.
        boxes: (K, 4) of the objects, labels: (K,) int64 their classes; K may be 0.
        least: 0.1 in the paper.

    Returns:
        (1, N) int64, C for the background.
    """
    background = candidates.scores.shape[1] - 1
    none = torch.full((1, candidates.boxes.shape[1]), background, device=candidates.boxes.device)
    if not len(boxes):
        return none
    overlap = pairwise_iou(candidates.boxes[0], boxes.to(candidates.boxes))
    chance = probabilities(candidates.scores.detach())[0, labels].T
    overlap = torch.where((overlap > least) & (chance > least), overlap, 0.0)
    most, which = overlap.max(dim=1)
    return torch.where(most > 0, labels[which], background)[None]


def pairwise_iou(one: Tensor, other: Tensor) -> Tensor:
    """(N, K): intersection over union of (N, 4) and (K, 4) boxes; 0 where both are empty."""
    low = torch.maximum(one[:, None, :2], other[None, :, :2])
    high = torch.minimum(one[:, None, 2:], other[None, :, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=2)
    union = _area(one)[:, None] + _area(other)[None, :] - overlap
    return torch.where(union > 0, overlap / union.clamp(min=torch.finfo(union.dtype).tiny), 0.0)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)


@dataclass(frozen=True)
class Scores:
    """The scores of fixed candidates as an attack sees them: (images, boxes) -> (B, C + 1, N).

    Attributes:
        detector: any.
        floor: log-odds added to the background.
    """

    detector: Detector
    floor: float

    def __call__(self, images: Tensor, boxes: Tensor) -> Tensor:
        """(B, C + 1, N) for `images` (B, 3, H, W) and the candidates `boxes` (B, N, 4)."""
        scores = self.detector.candidates(images, boxes).scores
        if not self.floor:
            return scores
        lift = torch.zeros(scores.shape[1], dtype=scores.dtype, device=scores.device)
        lift[-1] = self.floor
        return scores + lift[:, None]


def problem(
    detector: Detector, images: Tensor, boxes: Tensor, labels: Tensor, target: Tensor | None, floor: float
) -> Problem:
    """The attack's view of detecting in `images` ((1, 3, H, W)).

    Args:
        boxes: (1, N, 4), the candidates, kept fixed as in the paper; only a two-stage detector looks at them.
        labels, target: (1, N) int64, see `Problem`.
        floor: log-odds added to the background's score.
    """
    return Problem(images=images, labels=labels, target=target, context=(boxes,), scores=Scores(detector, floor))
