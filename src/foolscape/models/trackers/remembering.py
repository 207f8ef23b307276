"""What STM and HMMN have in common as trackers: the loop over a clip, whose frames are remembered with their masks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import torch
from torch import Tensor, nn

from foolscape.errors import SettingError
from foolscape.models.common.checkpoint import load_weights
from foolscape.models.trackers.clip_inputs import check_clip, check_frames, with_background
from foolscape.models.trackers.stcn.memory import aggregate
from foolscape.models.trackers.stcn.resizing import Resizing
from foolscape.tasks.video import one_hot

STRIDE: Final = 16

Q = TypeVar("Q")
M = TypeVar("M")
N = TypeVar("N", bound=nn.Module)


class RememberingNetwork(nn.Module, ABC, Generic[Q, M]):
    """A network that segments a frame by frames that it remembers: `Q` is what it makes of a frame, `M` with masks."""

    @abstractmethod
    def memorise(self, image: Tensor, masks: Tensor) -> M:
        """What is remembered of an image (1, 3, H, W) with the masks (K, H, W) of its objects."""

    @abstractmethod
    def query(self, image: Tensor) -> Q:
        """What segmenting an image (1, 3, H, W) needs besides the memory."""

    @abstractmethod
    def clip(self) -> Callable[[M, Q, bool], Tensor]:
        """For a clip that begins: (the frame before, the current one, whether the former is remembered for good) ->
        (K, H, W), the probability of each object by itself."""


@dataclass(frozen=True)
class Remembering(Generic[Q, M]):
    """Such a network with the settings of its inference; `dataclasses.replace` changes them.

    Frames are padded with black to sides of 16 n, before they are normalised. The frame before is always remembered,
    until the next.

    Attributes:
        network: its dtype and device are those of the frames.
        mem_every: frame t is remembered for good if t is a multiple of this.
        notes: remarks for the reader of a table.
    """

    network: RememberingNetwork[Q, M]
    mem_every: int = 5
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mem_every < 1:
            raise SettingError(f"mem_every: expected a whole number of at least 1, got {self.mem_every}")

    def features(self, frames: Tensor) -> tuple[Q, ...]:
        """What each of `frames` ((N, 3, H, W) in [0, 1]) is made into before any mask is known."""
        check_frames(frames)
        padding = _padding_of(frames)
        return tuple(self.network.query(padding.images(frame[None])) for frame in frames)

    def propagate(self, frames: Tensor, first_mask: Tensor, features: tuple[Q, ...] | None = None) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        `features` are those of `frames[1:]`; the pixels of later frames are read all the same, as they are remembered.
        """
        check_clip(frames, features)
        return self.propagate_masks(frames, one_hot(first_mask, frames), features)

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: tuple[Q, ...] | None = None) -> Tensor:
        """As `propagate`, of objects as `one_hot` makes them, `masks` (K, H, W)."""
        padding, segmented, objects = _padding_of(frames), self.network.clip(), masks
        probabilities = [with_background(objects)]
        for t in range(1, len(frames)):
            before = self.network.memorise(padding.images(frames[t - 1 : t]), padding.masks(objects))
            current = self.network.query(padding.images(frames[t : t + 1])) if features is None else features[t - 1]
            shares = segmented(before, current, (t - 1) % self.mem_every == 0)
            probabilities.append(padding.restored(aggregate(shares)))
            objects = probabilities[-1][1:]
        return torch.stack(probabilities)


def loaded(network: Callable[[], N], path: Path | str, device: torch.device | str) -> N:
    """The network that `network` makes with the weights at `path`, a file with the official keys, on `device`.

    Raises:
        CheckpointError: as `read_state_dict`, or the weights are another network's.
    """
    with torch.random.fork_rng(devices=[]):  # starting weights are drawn in vain: nobody else's numbers should move
        made = network()
    load_weights(made, path)
    return made.to(device)


def _padding_of(frames: Tensor) -> Resizing:
    return Resizing.of((frames.shape[2], frames.shape[3]), None, STRIDE)
