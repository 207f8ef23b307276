"""HMMN as a `Tracker`: the loop over a clip, as in its authors' evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from foolscape.errors import SettingError
from foolscape.models.common.checkpoint import load_weights
from foolscape.models.trackers.clip_inputs import check_clip, check_frames, with_background
from foolscape.models.trackers.hmmn.memory import Maps
from foolscape.models.trackers.hmmn.network import HmmnNetwork, Query, Remembered
from foolscape.models.trackers.stcn.memory import aggregate
from foolscape.models.trackers.stm import padding_of
from foolscape.tasks.video import one_hot


@dataclass(frozen=True)
class Hmmn:
    """HMMN with the settings of its inference; `dataclasses.replace` changes them.

    Frames are padded with black to sides of 16 n, before they are normalised. At 1/16 every `mem_every`-th frame and
    the one before are remembered, at 1/8 and 1/4 the first and the one before.

    Attributes:
        network: its dtype and device are those of the frames.
        mem_every: frame t is remembered for good if t is a multiple of this.
        notes: remarks for the reader of a table.
    """

    network: HmmnNetwork
    mem_every: int = 5
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mem_every < 1:
            raise SettingError(f"mem_every: expected a whole number of at least 1, got {self.mem_every}")

    def features(self, frames: Tensor) -> tuple[Query, ...]:
        """What each of `frames` ((N, 3, H, W) in [0, 1]) is made into before any mask is known."""
        check_frames(frames)
        padding = padding_of(frames)
        return tuple(self.network.query(padding.images(frame[None])) for frame in frames)

    def propagate(self, frames: Tensor, first_mask: Tensor, features: tuple[Query, ...] | None = None) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        `features` are those of `frames[1:]`; the pixels of later frames are read all the same, as they are remembered.
        """
        check_clip(frames, features)
        return self.propagate_masks(frames, one_hot(first_mask, frames), features)

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: tuple[Query, ...] | None = None) -> Tensor:
        """As `propagate`, of objects as `one_hot` makes them, `masks` (K, H, W)."""
        padding = padding_of(frames)
        objects = masks
        probabilities = [with_background(objects)]
        kept: list[Maps] = []
        places: tuple[Tensor, ...] = ()
        first: Remembered | None = None
        for t in range(1, len(frames)):
            before = self.network.memorise(padding.images(frames[t - 1 : t]), padding.masks(objects))
            current = self.network.query(padding.images(frames[t : t + 1])) if features is None else features[t - 1]
            fine = [before] if first is None else [first, before]
            shares, read = self.network.segment([*kept, before.coarse], places, fine, current)
            first = fine[0]
            places = read.places
            if (t - 1) % self.mem_every == 0:
                kept.append(before.coarse)
            else:
                places = places[:-1]
            found = padding.restored(aggregate(shares))
            probabilities.append(found)
            objects = found[1:]
        return torch.stack(probabilities)


def load_hmmn(path: Path | str, device: torch.device | str = "cpu") -> Hmmn:
    """HMMN with the weights at `path`, a file with the official keys, on `device`.

    Raises:
        CheckpointError: as `read_state_dict`, or the weights are another network's.
    """
    with torch.random.fork_rng(devices=[]):  # starting weights are drawn in vain: nobody else's numbers should move
        network = HmmnNetwork()
    load_weights(network, path)
    return Hmmn(network.to(device))
