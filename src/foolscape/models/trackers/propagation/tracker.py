"""Label propagation over the features of any backbone, as a `Tracker`.

Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021 (DINO), section 4.2.1, after Jabri,
Owens, Efros, Space-Time Correspondence as a Contrastive Random Walk, NeurIPS 2020: nothing is trained for it. A
position of a frame takes the labels of the positions that it resembles most in the first frame and in the few frames
before. Labels stay soft on their way from frame to frame. As in the latter, the first frame is searched everywhere; as
in the former, each label's map is stretched to the range from 0 to 1 before the answer is read off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.guard import guarded
from foolscape.models.common.wrappers import handed, on_images, pad_to_multiple
from foolscape.models.trackers.clip_inputs import check_clip, check_frames, with_background
from foolscape.models.trackers.propagation.window_affinity import Map, affinity
from foolscape.tasks.video import one_hot

_FLAT: Final = 1e-4
"""A label whose share varies by less than this in a frame is not stretched: it is everywhere, or nowhere."""


@dataclass(frozen=True)
class Backbone:
    """A network from RGB (N, 3, H, W) in [0, 1] to features (N, C, h, w), and remarks on it."""

    module: nn.Module
    notes: tuple[str, ...] = ()


class _LabelledMap(NamedTuple):
    """A frame that labels are taken from: its features, and its labels (h * w, K + 1), the background first."""

    features: Map
    labels: Tensor


@dataclass(frozen=True)
class Propagation:
    """Label propagation with its settings. Made by `backbones.adapt_backbone`; `dataclasses.replace` changes settings.

    Attributes:
        module: takes (1, 3, H, W) RGB in [0, 1], H and W multiples of `multiple`; returns features (1, C, h, w).
        multiple: frames are padded at the right and bottom (replicated) to sides divisible by this.
        size: (H, W) that frames are resized to (bilinear, antialiased) before that; None: they keep their size.
        top_k: how many positions a position takes its labels from, in all frames together.
        tau: cosine similarities are divided by it before the softmax over these.
        radius: how many cells of the feature map away they may be, in rows and in columns.
        recent: how many frames before count, besides the first.
        everywhere: whether the first frame is searched without regard to the radius.
        stretch: whether the map of each label is stretched to [0, 1] in each frame, before they are made to sum to 1
            again. Objects that grow faint keep their pixels then; one that is gone may come back out of a trace.
        shift: how many pixels the middle of what a feature stands for lies above and left of the middle of its cell.
        notes: remarks for the reader of a table.
        only_size: (H, W), if the backbone takes images of this size alone.
    """

    module: nn.Module
    multiple: int = 1
    size: tuple[int, int] | None = None
    top_k: int = 10
    tau: float = 0.05
    radius: int = 6
    recent: int = 5
    everywhere: bool = True
    stretch: bool = True
    shift: int = 0
    notes: tuple[str, ...] = ()
    only_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name, least in (("top_k", 1), ("radius", 0), ("recent", 0)):
            value = getattr(self, name)
            if value < least:
                raise SettingError(f"{name}: expected a whole number of at least {least}, got {value}")
        if not self.tau > 0:
            raise SettingError(f"tau: expected a number above 0, got {self.tau}")
        if self.size is not None and min(self.size) < 1:
            raise SettingError(f"size: expected HEIGHTxWIDTH of at least 1x1, got {self.size[0]}x{self.size[1]}")

    def features(self, frames: Tensor) -> tuple[Map, ...]:
        """The features of each of `frames` ((N, 3, H, W) float RGB in [0, 1]), each by itself.

        To be handed to `propagate` for frames that do not change; call it under `torch.no_grad` then.
        """
        check_frames(frames)
        return tuple(self._map(frame[None]) for frame in frames)

    def propagate(self, frames: Tensor, first_mask: Tensor, features: Sequence[Map] | None = None) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        Args:
            frames: (T, 3, H, W) float RGB in [0, 1].
            first_mask: (H, W) int64, 0 for the background and 1 to K for the objects.
            features: of `frames[1:]`, from `features`; None to compute them. They are taken as they are, and the
                pixels of those frames are not read.

        Returns:
            (T, K + 1, H, W), the background first; frame 0 is the first mask, a constant.

        Raises:
            SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
            ValueError: frames or features are of another shape or number.
        """
        check_clip(frames, features)
        return self.propagate_masks(frames, one_hot(first_mask, frames), features)

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: Sequence[Map] | None = None) -> Tensor:
        """As `propagate`, of objects as `one_hot` makes them, `masks` (K, H, W)."""
        masks = with_background(masks)
        first = self._map(frames[:1])
        start = _LabelledMap(first, self._lowered(masks, first.size))
        before: deque[_LabelledMap] = deque(maxlen=self.recent)
        probabilities = [masks]
        for t in range(1, len(frames)):
            query = self._map(frames[t : t + 1]) if features is None else features[t - 1]
            labels = self._labels(query, (start, *before))
            probabilities.append(self._raised(labels, query.size, (frames.shape[2], frames.shape[3])))
            before.append(_LabelledMap(query, labels))
        return torch.stack(probabilities)

    def _labels(self, query: Map, others: Sequence[_LabelledMap]) -> Tensor:
        """(h * w, K + 1): the labels of the positions of `query`, each row summing to 1."""
        similar = affinity(
            query,
            [one.features for one in others],
            everywhere=int(self.everywhere),
            radius=self.radius,
            top_k=self.top_k,
            tau=self.tau,
        )
        labels = torch.cat([one.labels for one in others])
        return functional.embedding_bag(similar.index, labels, per_sample_weights=similar.weights, mode="sum")

    def _map(self, frame: Tensor) -> Map:
        """The features of `frame` (1, 3, H, W)."""
        own = (frame.shape[2], frame.shape[3])
        if self.only_size is not None and (self.size or own) != self.only_size:
            height, width = self.only_size
            raise ModelError(
                f"expected frames of {height} x {width} (height x width), the only size this backbone takes, got "
                f"{own[0]} x {own[1]}; give it in the spec: size={height}x{width}"
            )
        padded = pad_to_multiple(self._resized(frame), self.multiple)
        with guarded(on_images(self.module, padded)):
            maps = self.module(handed(padded))
        # A position's vector in one piece: it is looked up as one.
        return Map(functional.normalize(maps[0].flatten(1).T, dim=1).contiguous(), (maps.shape[2], maps.shape[3]))

    def _resized(self, images: Tensor) -> Tensor:
        """`images` (B, C, H, W) at the size that the backbone works at, not yet padded."""
        if self.size is None or self.size == tuple(images.shape[2:]):
            return images
        return functional.interpolate(images, self.size, mode="bilinear", align_corners=False, antialias=True)

    def _lowered(self, masks: Tensor, size: tuple[int, int]) -> Tensor:
        """(h * w, K + 1): the share of each of `masks` (K + 1, H, W) in what each cell of a feature map stands for."""
        padded = pad_to_multiple(self._resized(masks[None]), self.multiple)
        moved = _moved(padded, -self.shift)
        return functional.adaptive_avg_pool2d(moved, size)[0].flatten(1).T

    def _raised(self, labels: Tensor, size: tuple[int, int], own: tuple[int, int]) -> Tensor:
        """(K + 1, H, W): `labels` (h * w, K + 1) of a map of `size` (h, w) at the frame's own size `own` (H, W)."""
        maps = labels.T.reshape(1, -1, *size)
        if self.stretch:
            maps = _stretched(maps)
        inner = self.size or own
        padded = [side + -side % self.multiple for side in inner]
        maps = functional.interpolate(maps, padded, mode="bilinear", align_corners=False)
        maps = _moved(maps, self.shift)[:, :, : inner[0], : inner[1]]
        if inner == own:
            return maps[0]
        return functional.interpolate(maps, own, mode="bilinear", align_corners=False)[0]


def _moved(maps: Tensor, by: int) -> Tensor:
    """`maps` (B, C, H, W) moved up and left by so many pixels (down and right if negative), edges repeated."""
    for dim in (2, 3):
        side = maps.shape[dim]
        index = (torch.arange(side, device=maps.device) + by).clamp(0, side - 1)
        maps = maps.index_select(dim, index)
    return maps


def _stretched(maps: Tensor) -> Tensor:
    """`maps` (B, C, h, w), summing to 1, each stretched to the range [0, 1], and all made to sum to 1 again."""
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    flat = high - low < _FLAT
    stretched = torch.where(flat, maps, (maps - low) / torch.where(flat, 1, high - low))
    return stretched / stretched.sum(dim=1, keepdim=True)
