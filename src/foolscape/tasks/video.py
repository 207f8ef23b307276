"""Video object segmentation: the protocol a model must meet, and the label maps that follow from its answer.

Semi-supervised: the objects of the first frame are given as a label map, and the model follows them.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional


@runtime_checkable
class Tracker(Protocol):
    """A video object segmentation model as foolscape sees it.

    The adapter owns normalisation, resizing and padding; its parameters are frozen and it is in eval mode. Object i is
    label i of the first mask and channel i of the answer, channel 0 is the background.

    Attributes:
        notes: remarks for the reader of a table, such as that frames are resized.
    """

    @property
    def notes(self) -> tuple[str, ...]: ...

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        """How probable each object is at every pixel of every frame.

        Args:
            frames: (T, 3, H, W) float RGB in [0, 1], T at least 1, any H and W.
            first_mask: (H, W) int64, 0 for the background and 1 to K for the objects, each of them present.

        Returns:
            (T, K + 1, H, W) in [0, 1], summing to 1 over the channels, of the dtype and device of `frames` and
            differentiable in all of them; whether a graph is kept is the caller's choice (`torch.no_grad`). Frame 0
            repeats the mask that was given.

        Raises:
            SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
        """
        ...


@runtime_checkable
class Follower(Protocol):
    """What a user's tracker brings, at the least; see `models.trackers.user`."""

    def propagate(self, frames: Tensor, first_mask: Tensor) -> object:
        """The objects of `first_mask` ((H, W) int64) in every one of `frames` ((T, 3, H, W) in [0, 1])."""
        ...


@runtime_checkable
class ReusingTracker(Protocol):
    """A `Tracker` that can be handed what it made of the later frames before.

    An attack on the first frame asks for the same later frames at every step. What does not depend on the mask or the
    first frame is then computed once, without gradient.
    """

    @property
    def notes(self) -> tuple[str, ...]: ...

    def features(self, frames: Tensor) -> tuple[Any, ...]:
        """What depends on each of `frames` ((N, 3, H, W), as in `Tracker.propagate`) alone: N records."""
        ...

    def propagate(self, frames: Tensor, first_mask: Tensor, features: tuple[Any, ...] | None = None) -> Tensor:
        """As `Tracker.propagate`; `features` are those of `frames[1:]`, None to compute them."""
        ...


def labels(probabilities: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """The label maps (T, H, W) int64 of `probabilities` ((T, K + 1, h, w)), the largest channel at every pixel.

    Args:
        probabilities: as `Tracker.propagate` returns them.
        size: (H, W) of the maps, if it is another than (h, w): probabilities are resized (bilinear,
            align_corners=False), never labels.
    """
    if size is not None and size != tuple(probabilities.shape[2:]):
        probabilities = functional.interpolate(probabilities, size=size, mode="bilinear", align_corners=False)
    return probabilities.argmax(dim=1)


@torch.no_grad()
def predict(tracker: Tracker, frames: Tensor, first_mask: Tensor) -> Tensor:
    """(T, H, W) int64: the object at every pixel of `frames` ((T, 3, H, W) in [0, 1]), 0 for none."""
    return labels(tracker.propagate(frames, first_mask))
