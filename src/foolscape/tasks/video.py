"""Video object segmentation: the protocol a model must meet, and the label maps that follow from its answer.

Semi-supervised: the objects of the first frame are given as a label map, and the model follows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from foolscape.errors import SampleError
from foolscape.problem import Problem
from foolscape.tasks.finite import check_finite

_FAINTEST: Final = 1e-12
"""Probabilities below this have the logarithm of this, and no gradient: what is so improbable is lost already."""


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
    """The least that a user's tracker must have; see `models.trackers.user`."""

    def propagate(self, frames: Tensor, first_mask: Tensor) -> object:
        """The objects of `first_mask` ((H, W) int64) in every one of `frames` ((T, 3, H, W) in [0, 1])."""
        ...


@runtime_checkable
class MaskTracker(Protocol):
    """A `Tracker` that can be given its objects as maps, made by `one_hot`.

    An attack has the same first mask at every step. What labels it holds need not be looked up then, for which a GPU
    would have to be waited for.
    """

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: tuple[Any, ...] | None = None) -> Tensor:
        """As `propagate` of a `Tracker`, or of a `ReusingTracker` if it is one; `masks` are (K, H, W)."""
        ...


@runtime_checkable
class ReusingTracker(Protocol):
    """A `Tracker` that can reuse what it computed for the later frames.

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


def one_hot(first_mask: Tensor, frames: Tensor) -> Tensor:
    """(K, H, W), 1 where the label map `first_mask` (H, W) has object i, in the dtype of `frames` (T, 3, H, W).

    Raises:
        SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
    """
    if first_mask.shape != frames.shape[2:]:
        raise SampleError(
            f"expected a first mask of the frames' size {tuple(frames.shape[2:])}, got {tuple(first_mask.shape)}; "
            "resize it with nearest neighbour"
        )
    labels = torch.unique(first_mask).tolist()
    objects = [label for label in labels if label != 0]
    if not objects or objects != list(range(1, len(objects) + 1)):
        raise SampleError(
            f"expected a first mask with the labels 1 to K and 0 for the background, got {labels[:9]}; number the "
            "objects without a gap, and make void pixels background"
        )
    return torch.stack([first_mask == label for label in objects]).to(frames)


class Start(NamedTuple):
    """Objects that a tracker is given in one frame.

    Attributes:
        frame: index of the frame.
        mask: (H, W) int64, the objects' labels, which may have gaps; 0 elsewhere.
    """

    frame: int
    mask: Tensor


def numbered(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The label map `mask` ((H, W) int64) with its K objects as 1 to K, and the labels of 0 to K ((K + 1,))."""
    own = torch.unique(mask)
    own = torch.cat([own.new_zeros(1), own[own != 0]])
    return torch.searchsorted(own, mask.contiguous()), own


@torch.no_grad()
def follow(
    tracker: Tracker, frames: Tensor, starts: Sequence[Start], features: tuple[Any, ...] | None = None
) -> Tensor:
    """(T, H, W) int64: the label of the object at every pixel of `frames`, 0 for none.

    Objects that appear later are followed from their own first frame, by themselves; those that share a pixel are
    weighed by their probabilities, and the background has the product of what each group leaves.

    Args:
        tracker: any.
        frames: (T, 3, H, W) in [0, 1].
        starts: by rising frame, the first at 0.
        features: of `frames[1:]`, for a `ReusingTracker`; None to compute them.

    Raises:
        ModelError: a probability is NaN or infinite, or `propagate` says so.
    """
    background = frames.new_ones(len(frames), *frames.shape[2:])
    best, labels = torch.zeros_like(background), torch.zeros_like(background, dtype=torch.int64)
    for start in starts:
        mask, own = numbered(start.mask)
        known = {} if features is None else {"features": features[start.frame :]}
        probabilities = tracker.propagate(frames[start.frame :], mask, **known)
        check_finite(probabilities, "Tracker.propagate", "frames")
        background[start.frame :] *= probabilities[:, 0]
        chance, which = probabilities[:, 1:].max(dim=1)
        better = chance > best[start.frame :]
        best[start.frame :] = torch.where(better, chance, best[start.frame :])
        labels[start.frame :] = torch.where(better, own[which + 1], labels[start.frame :])
    return torch.where(best > background, labels, 0)


def differentiable(tracker: Tracker) -> Tracker:
    """The tracker to take gradients of: the `surrogate` of `tracker`, if it has one, else itself."""
    surrogate = getattr(tracker, "surrogate", None)
    return surrogate if isinstance(surrogate, Tracker) else tracker


def problem(
    tracker: Tracker,
    frames: Tensor,
    first_mask: Tensor,
    labels: Tensor,
    features: tuple[Any, ...] | None = None,
    masks: Tensor | None = None,
) -> Problem:
    """A clip as a `Problem`: the first frame may change, the targets are the pixels of the later ones.

    Scores are log-probabilities, (1, K + 1, T - 1, H, W), so that their cross-entropy is the negative log-likelihood
    of what the tracker says. A tracker whose answer can lose its gradient offers `surrogate`, which is asked instead.

    Args:
        tracker: any.
        frames: (T, 3, H, W) in [0, 1], of which all but the first are the problem's context.
        first_mask: (H, W) int64 with the labels 1 to K.
        labels: (T - 1, H, W) int64 in 0 to K, `IGNORE` where nothing counts.
        features: of `frames[1:]`, from a `ReusingTracker`, if those are the same at every call; None to compute them.
        masks: (K, H, W), `one_hot` of the first mask, if it is known already.

    Raises:
        SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
    """
    followed: Any = differentiable(tracker)
    known = {} if features is None else {"features": features}
    by_masks = isinstance(followed, MaskTracker)
    follow_one = followed.propagate_masks if by_masks else followed.propagate

    def scores(images: Tensor, later: Tensor, _: Tensor, objects: Tensor) -> Tensor:
        clips = [
            follow_one(torch.cat([image[None], rest]), own, **known)[1:]
            for image, rest, own in zip(images, later, objects, strict=True)
        ]
        return torch.stack(clips).transpose(1, 2).clamp_min(_FAINTEST).log()

    if by_masks and masks is None:
        masks = one_hot(first_mask, frames)
    given = first_mask if masks is None or not by_masks else masks
    return Problem(frames[:1], labels[None], scores, context=(frames[None, 1:], first_mask[None], given[None]))
