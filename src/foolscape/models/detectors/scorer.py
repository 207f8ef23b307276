"""A detector on given boxes, seen as what all attacks and checks understand: a map from images to class scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.tasks.detection import Candidates, Detector


@dataclass(frozen=True)
class Scorer:
    """The candidates' scores of `detector`; a `Segmenter` whose targets are boxes, as `check_gradient` wants it.

    Attributes:
        detector: any detector.
        boxes: (B, N, 4) in pixels, for a two-stage detector: what to score; None: for every other. Batches of another
            size get those of as many images, from the first on and over again.
    """

    detector: Detector
    boxes: Tensor | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The detector's classes and, as last channel, the background."""
        return (*self.detector.classes, "background")

    @property
    def notes(self) -> tuple[str, ...]:
        """The detector's notes."""
        return self.detector.notes

    def logits(self, images: Tensor) -> Tensor:
        """(B, C + 1, N) class scores of the candidates of `images` ((B, 3, H, W) in [0, 1])."""
        return self.candidates(images).scores

    def candidates(self, images: Tensor) -> Candidates:
        """The candidates of `images`; see `logits`."""
        if self.boxes is None:
            return self.detector.candidates(images)
        rows = torch.arange(images.shape[0], device=self.boxes.device) % self.boxes.shape[0]
        return self.detector.candidates(images, self.boxes[rows])
