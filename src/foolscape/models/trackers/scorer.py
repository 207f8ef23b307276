"""What a tracker makes of a clip, as a function of its first frame: for the check of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from foolscape.tasks.video import Tracker

_LEAST: Final = 1e-30
"""Probabilities below have no gradient that float32 could hold."""


@dataclass(frozen=True)
class FirstFrame:
    """A tracker as a `Segmenter` of the first frame of one clip: it scores the frames that follow.

    Attributes:
        tracker: of which a surrogate is taken where it has one, as attacks do.
        later: (T - 1, 3, H, W), the frames behind the first.
        mask: (H, W) int64, of the first frame.
    """

    tracker: Tracker
    later: Tensor
    mask: Tensor
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def logits(self, images: Tensor) -> Tensor:
        """(T - 1, K + 1, H, W): log-probabilities in the later frames, for the first frame `images` (1, 3, H, W)."""
        follower: Any = differentiable(self.tracker)
        found: Tensor = follower.propagate(torch.cat([images, self.later.to(images)]), self.mask)
        return found[1:].clamp_min(_LEAST).log()


def differentiable(tracker: Tracker) -> Tracker:
    """The tracker to take gradients of: the `surrogate` of `tracker`, if it has one, else itself."""
    found = getattr(tracker, "surrogate", None)
    return found if isinstance(found, Tracker) else tracker
