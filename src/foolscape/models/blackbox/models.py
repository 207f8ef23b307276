"""A black box as a `Segmenter` or a `Detector`: scores of its answers, without a gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.errors import ModelError
from foolscape.models.blackbox.answers import Objects
from foolscape.models.blackbox.asking import Asker, levels_of
from foolscape.models.detectors.common import candidates_of, detections_of, sigmoid_scores
from foolscape.tasks.detection import Candidates, Detections, pairwise_iou

_UNSURE = 1e-3
"""How near to 0 and 1 a probability is made of an answer: a log-odds of 7 either way."""


@dataclass(frozen=True)
class BlackBoxSegmenter:
    """A black box that segments; a label map has a score of 1 for its class and of 0 for all others.

    Attributes:
        asker: asks it.
        classes: by index.
        notes: remarks for the reader of a table.
        scored: whether it answers with scores.
        files_sha256: the hashes of its files.
        only_size: (H, W), if it takes images of this size alone.
    """

    asker: Asker[NDArray[Any]]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    scored: bool
    files_sha256: dict[str, str] = field(default_factory=dict)
    only_size: tuple[int, int] | None = None

    def logits(self, images: Tensor) -> Tensor:
        """Class scores (B, C, H, W) of the 8-bit images that `images` (B, 3, H, W) are written as."""
        return torch.stack([self._scores(image) for image in images]).to(images)

    def _scores(self, image: Tensor) -> Tensor:
        answer = self.asker.ask(levels_of(image))
        count, scored = len(self.classes), answer.ndim == 3
        if scored != self.scored:
            kinds = ("a label map", "class scores")
            raise ModelError(f"expected {kinds[self.scored]}, as at first, got {kinds[scored]}; answer always alike")
        if not scored:
            low, high = int(answer.min()), int(answer.max())
            if low < 0 or high >= count:
                raise ModelError(
                    f"expected labels from 0 to {count - 1}, the index of the class, got {low} to {high}; name all "
                    "classes with ?classes=FILE"
                )
            return torch.nn.functional.one_hot(torch.from_numpy(answer), count).permute(2, 0, 1).float()
        if len(answer) != count:
            raise ModelError(f"expected scores of {count} classes, got {len(answer)}; name them all with ?classes=FILE")
        return torch.from_numpy(answer)


@dataclass(frozen=True)
class BlackBoxDetector:
    """A black box that detects. Its candidates are the boxes that it finds, and behind them the whole image.

    A candidate's probability of a class is the largest product of score and overlap (IoU) among what the black box
    finds of that class: so it falls by degrees as a box moves away, also where a black box gives no scores.

    Attributes:
        asker: asks it.
        classes, notes, files_sha256: as of a `BlackBoxSegmenter`.
        boxes_of: what its boxes are in pixels x1, y1, x2, y2, for an image of (H, W).
    """

    asker: Asker[Objects]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    boxes_of: Callable[[Tensor, tuple[int, int]], Tensor]
    files_sha256: dict[str, str] = field(default_factory=dict)
    two_stage: bool = True

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """The boxes found in `images` (B, 3, H, W), or `boxes` (B, N, 4), with their scores."""
        found = [self._found(image) for image in images]
        if boxes is None:
            boxes = _together([one.boxes for one in found], images)
        chances = torch.stack([self._chances(one, given) for one, given in zip(found, boxes, strict=True)])
        return candidates_of(boxes, sigmoid_scores(torch.logit(chances, _UNSURE)), images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """What it finds in each image, from a score of `score_threshold` on."""
        found = [self._found(image) for image in images]
        return [detections_of(one.boxes, one.scores, one.labels, score_threshold) for one in found]

    def _found(self, image: Tensor) -> Detections:
        answer = self.asker.ask(levels_of(image))
        if len(answer.labels) and not 0 <= answer.labels.min() <= answer.labels.max() < len(self.classes):
            raise ModelError(
                f"expected labels from 0 to {len(self.classes) - 1}, the index of the class, got "
                f"{answer.labels.min()} to {answer.labels.max()}; name all classes with ?classes=FILE"
            )
        boxes = self.boxes_of(torch.from_numpy(answer.boxes).to(image), (image.shape[1], image.shape[2]))
        scores, labels = (torch.from_numpy(np.ascontiguousarray(one)).to(image.device) for one in answer[1:3])
        return Detections(boxes, scores.to(image), labels)

    def _chances(self, found: Detections, boxes: Tensor) -> Tensor:
        """(N, C): the probabilities of the candidates `boxes` (N, 4)."""
        chances = boxes.new_zeros(len(boxes), len(self.classes))
        if len(found.scores):
            each = pairwise_iou(boxes, found.boxes) * found.scores
            places = found.labels.expand(len(boxes), -1)
            chances = chances.scatter_reduce(1, places, each, "amax")
        return chances


def _together(boxes: list[Tensor], images: Tensor) -> Tensor:
    """(B, N, 4): as many for each image, filled up with the whole of it, which comes once at least."""
    count = 1 + max(len(one) for one in boxes)
    whole = images.new_tensor([0.0, 0.0, images.shape[3], images.shape[2]])
    return torch.stack([torch.cat([one.to(images), whole.expand(count - len(one), 4)]) for one in boxes])
