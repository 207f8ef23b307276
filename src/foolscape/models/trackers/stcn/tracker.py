"""STCN as a `Tracker`: preparation, the loop over a clip, and official checkpoints.

Cheng, Tai, Tang: Rethinking Space-Time Networks with Improved Memory Coverage for Efficient Video Object Segmentation,
NeurIPS 2021; the protocol is that of the official evaluation on DAVIS, where all objects are in the first frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from foolscape.errors import SettingError
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.trackers.clip_inputs import check_clip, check_frames
from foolscape.models.trackers.stcn.memory import Memory, aggregate
from foolscape.models.trackers.stcn.network import StcnNetwork
from foolscape.models.trackers.stcn.resizing import Resizing
from foolscape.sending import numbers_on
from foolscape.tasks.video import one_hot

_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_FIRST: Final = "value_encoder.conv1.weight"

_Out = TypeVar("_Out")


class MemoryNetwork(Protocol):
    """A network that `Stcn` can run, such as `StcnNetwork`; its own records of maps are opaque to the loop (Any).

    Attributes:
        stride: of keys and values; both sides of an image are multiples of it.
    """

    @property
    def stride(self) -> int: ...

    def encode(self, images: Tensor) -> Any:
        """A tuple of maps of `images` (B, 3, H, W), normalised; keys and values are made of the first."""
        ...

    def key(self, coarse: Tensor) -> Tensor:
        """(B, C, h, w), of the first of the maps."""
        ...

    def query(self, maps: Any) -> Any:
        """A tuple of maps, what decoding needs besides the readout."""
        ...

    def value(self, image: Tensor, masks: Tensor, coarse: Tensor) -> Tensor:
        """(K, D, h, w), of an image (1, 3, H, W), the probabilities (K, H, W), and the first of the image's maps."""
        ...

    def decode(self, readout: Tensor, query: Any) -> Tensor:
        """(K, H, W) in [0, 1], of a readout (K, D, h, w)."""
        ...


class Features(NamedTuple):
    """What STCN makes of a frame alone, whatever the masks: about 50 MB at 480x854 in float32.

    Shapes are those of `StcnNetwork`.

    Attributes:
        key: (1, 64, H/16, W/16).
        coarse: (1, 1024, H/16, W/16), for the value of the frame if it is remembered.
        query: what its decoding needs besides the readout.
    """

    key: Tensor
    coarse: Tensor
    query: Any


@dataclass(frozen=True)
class Stcn:
    """STCN with the settings of its inference; `dataclasses.replace` changes them.

    Attributes:
        network: its dtype and device are those of the frames.
        mem_every: frame t is remembered for good if t is a multiple of this; frame 0 always is.
        top_k: how many memory positions a query position attends to.
        include_last: whether the frame before is remembered, too, until the next is added.
        shorter_side: frames are resized to it (bicubic, as the official evaluation does outside DAVIS); None: they keep
            their size, as on DAVIS at 480p.
        checkpointed: keep only what goes from part to part of a frame (`Features`, masks, memory) for the backward
            pass and calculate each part again there: more time, and the graph of one part of one frame at a time in
            memory. Without gradient it makes no difference.
        across_queries: read the memory as ARA's released code does while it attacks; see `released`.
        notes: remarks for the reader of a table.
    """

    network: MemoryNetwork
    mem_every: int = 5
    top_k: int = 20
    include_last: bool = False
    shorter_side: int | None = None
    checkpointed: bool = False
    across_queries: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("mem_every", "top_k", "shorter_side"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name}: expected a whole number of at least 1, got {value}")

    @property
    def released(self) -> Stcn:
        """The tracker that ARA's released code takes its gradients of."""
        return replace(self, across_queries=True)

    def features(self, frames: Tensor) -> tuple[Features, ...]:
        """What each of `frames` ((N, 3, H, W) float RGB in [0, 1]) is made into before any mask is known.

        To be handed to `propagate` for frames that do not change; call it under `torch.no_grad` then.
        """
        check_frames(frames)
        resizing = self._resizing(frames)
        return tuple(self._part(self._features, _prepared(frame[None], resizing)) for frame in frames)

    def propagate(self, frames: Tensor, first_mask: Tensor, features: tuple[Features, ...] | None = None) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        Args:
            frames: (T, 3, H, W) float RGB in [0, 1].
            first_mask: (H, W) int64, 0 for the background and 1 to K for the objects.
            features: of `frames[1:]`, from `features`; None to compute them. They are taken as they are: without a
                graph of their own they pass no gradient to those frames. The pixels of a later frame are then read
                only if it is remembered.

        Returns:
            (T, K + 1, H, W), the background first; frame 0 is the first mask after soft aggregation, a constant.

        Raises:
            SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
            ValueError: frames or features are of another shape or number.
        """
        check_clip(frames, features)
        return self.propagate_masks(frames, one_hot(first_mask, frames), features)

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: tuple[Features, ...] | None = None) -> Tensor:
        """As `propagate`, of objects as `one_hot` makes them, `masks` (K, H, W)."""
        resizing = self._resizing(frames)
        objects = aggregate(resizing.masks(masks))
        probabilities = [resizing.restored(objects)]
        memory = self._first(_prepared(frames[:1], resizing), objects)
        for t in range(1, len(frames)):
            image = _prepared(frames[t : t + 1], resizing)
            current = self._part(self._features, image) if features is None else features[t - 1]
            objects = self._part(self._segment, memory, current)
            probabilities.append(resizing.restored(objects))
            permanent = t % self.mem_every == 0
            if t < len(frames) - 1 and (permanent or self.include_last):
                value = self._part(self.network.value, image, objects[1:], current.coarse)
                memory = memory.plus(current.key, value, temporary=not permanent)
        return torch.stack(probabilities)

    def _resizing(self, frames: Tensor) -> Resizing:
        return Resizing.of((frames.shape[2], frames.shape[3]), self.shorter_side, self.network.stride)

    def _features(self, image: Tensor) -> Features:
        maps = self.network.encode(image)
        return Features(self.network.key(maps[0]), maps[0], self.network.query(maps))

    def _first(self, image: Tensor, objects: Tensor) -> Memory:
        """The memory of the first frame (1, 3, h, w), which is not decoded, with its aggregated masks."""
        coarse = self._part(lambda frame: self.network.encode(frame)[0], image)
        value = self._part(self.network.value, image, objects[1:], coarse)
        return Memory((self.network.key(coarse),), (value,))

    def _segment(self, memory: Memory, features: Features) -> Tensor:
        """(K + 1, h, w): the objects in a frame, given what is remembered."""
        readout = (
            memory.read_as_released(features.key) if self.across_queries else memory.read(features.key, self.top_k)
        )
        return aggregate(self.network.decode(readout, features.query))

    def _part(self, function: Callable[..., _Out], *arguments: object) -> _Out:
        """`function(*given)`, computed again in the backward pass if that is wanted."""
        if not (self.checkpointed and torch.is_grad_enabled()):
            return function(*arguments)
        out: _Out = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
        return out


def load_stcn(path: Path | str, device: torch.device | str = "cpu") -> Stcn:
    """STCN with the weights at `path`, on `device`, with the official settings.

    Args:
        path: a .pth or .safetensors file with the official keys, or a training checkpoint that holds them under
            "network". The first convolution of the value encoder may have four input channels (training on still
            images, one object): a fifth of zeros is appended, so that objects do not see each other.

    Raises:
        CheckpointError: as `read_state_dict`, or the weights are another network's.
    """
    tensors = read_state_dict(path)
    notes: tuple[str, ...] = ()
    first = tensors.get(_FIRST)
    if first is not None and first.ndim == 4 and first.shape[1] == 4:
        tensors = tensors | {_FIRST: functional.pad(first, (0, 0, 0, 0, 0, 1))}
        notes = ("a checkpoint for one object: with several, none of them knows of the others",)
    with torch.random.fork_rng(devices=[]):  # starting weights are drawn in vain: nobody else's numbers should move
        network = StcnNetwork()
    load_state(network, tensors, str(path))
    return Stcn(network.to(device), notes=notes)


def _prepared(frame: Tensor, resizing: Resizing) -> Tensor:
    """`frame` (1, 3, H, W) normalised, then resized and padded, so that the border has the mean colour."""
    mean, deviation = (numbers_on(frame.device, v, frame.dtype)[:, None, None] for v in (_MEAN, _DEVIATION))
    return resizing.images((frame - mean) / deviation)
