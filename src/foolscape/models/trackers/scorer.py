"""A tracker on one clip, seen as what all attacks and checks understand: a map from images to class scores."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.tasks.video import Tracker, problem


@dataclass(frozen=True)
class ClipScorer:
    """The log-probabilities of the frames after the first, as `check_gradient` wants them.

    Attributes:
        tracker: any.
        later: (T - 1, 3, H, W) in [0, 1].
        mask: (H, W) int64 with the labels 1 to K.
    """

    tracker: Tracker
    later: Tensor
    mask: Tensor

    @property
    def classes(self) -> tuple[str, ...]:
        """The background and the objects."""
        return ("background", *(f"object {label}" for label in range(1, int(self.mask.max()) + 1)))

    @property
    def notes(self) -> tuple[str, ...]:
        """The tracker's notes."""
        return self.tracker.notes

    def logits(self, images: Tensor) -> Tensor:
        """(B, K + 1, T - 1, H, W) for the first frames `images` ((B, 3, H, W) in [0, 1])."""
        later = self.later.to(images)
        labels = self.mask.expand(len(later), -1, -1)
        posed = problem(self.tracker, torch.cat([images[:1], later]), self.mask, labels)
        return posed.scores(images, *(part.expand(len(images), *part.shape[1:]) for part in posed.context))
