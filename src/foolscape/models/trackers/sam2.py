"""SAM 2, SAM 3's tracker and EdgeTAM of transformers as `Tracker`s, with gradients through their memory.

The library's own code runs; only its inference mode is taken off. Ravi et al., SAM 2: Segment Anything in Images and
Videos, 2024; Carion et al., SAM 3: Segment Anything with Concepts, 2025; Zhou et al., EdgeTAM: On-Device Track Anything
Model, CVPR 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.models.common.huggingface import MEAN, STD, hub
from foolscape.models.trackers.clip_inputs import check_clip, check_frames, with_background
from foolscape.models.trackers.prompts import MASK, Prompt
from foolscape.models.trackers.sam2_families import FAMILIES
from foolscape.models.trackers.sam2_inside import decoded, precisely
from foolscape.sending import numbers_on
from foolscape.tasks.video import one_hot

_MOST: Final = 40.0
"""Log-odds are kept within this: beyond it nothing is left of the smaller probability in float32."""


class Encoded(NamedTuple):
    """What the image encoder makes of a frame.

    Attributes:
        maps: from fine to coarse, each (h * w, 1, C).
        positions: their positional encodings.
    """

    maps: tuple[Tensor, ...]
    positions: tuple[Tensor, ...]


@dataclass(frozen=True)
class Sam2:
    """A network of one of FAMILIES. Made by `sam2_load.adapt_sam2`.

    Attributes:
        network: in eval mode, frozen.
        size: (height, width) that frames and masks are resized to (bilinear, antialiased).
        mean, std: of the normalisation.
        notes: remarks for the reader of a table.
        gated: whether an object's mask is empty where its score is not above 0, as the model answers; if not, see
            `surrogate`.
        prompt: what it is shown of the objects in the first frame.
    """

    network: nn.Module
    size: tuple[int, int]
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    notes: tuple[str, ...] = ()
    gated: bool = True
    prompt: Prompt = MASK

    @property
    def surrogate(self) -> Sam2:
        """A tracker to take gradients of: the same network, objects as probable as their score and mask say together.

        Where the score is not above 0, the model's own answer is an empty mask without any gradient. This one has
        sigmoid(score) * sigmoid(mask before the gate) everywhere. What is remembered of a frame stays the model's own.
        """
        return replace(self, gated=False)

    def features(self, frames: Tensor) -> tuple[Encoded, ...]:
        """What the image encoder makes of each of `frames` ((N, 3, H, W) float RGB in [0, 1]).

        To be handed to `propagate` for frames that do not change; call it under `torch.no_grad` then.
        """
        check_frames(frames)
        network: Any = self.network
        encoded = []
        for frame in frames:
            with precisely(frames.dtype):
                out = network.get_image_features(self._prepared(frame[None]), return_dict=True)
            encoded.append(Encoded(tuple(out.fpn_hidden_states), tuple(out.fpn_position_encoding)))
        return tuple(encoded)

    def propagate(self, frames: Tensor, first_mask: Tensor, features: Sequence[Encoded] | None = None) -> Tensor:
        """How probable each object is at every pixel of every frame; see `Tracker.propagate`.

        Objects are followed one by one and share pixels by soft aggregation. Frames are streamed: a frame's answer does
        not depend on those after it, nor on how many there are. The library's answer for a clip as a whole does where
        that has fewer frames than the encoder takes object pointers (16).

        Args:
            frames: (T, 3, H, W) float RGB in [0, 1]. In float64 nothing is rounded to bfloat16 inside, as SAM 2 does
                with its memory: for checks of the gradient.
            first_mask: (H, W) int64, 0 for the background and 1 to K for the objects. What the network is shown of them
                is said by `prompt`.
            features: of `frames[1:]`, from `features`; None to compute them. They are taken as they are, and the pixels
                of those frames are not read.

        Returns:
            (T, K + 1, H, W), the background first; frame 0 is the first mask, a constant.

        Raises:
            SampleError: the mask does not hold the labels 1 to K, or does not fit the frames.
            ValueError: frames or features are of another shape or number.
        """
        check_clip(frames, features)
        return self.propagate_masks(frames, one_hot(first_mask, frames), features)

    def propagate_masks(self, frames: Tensor, masks: Tensor, features: Sequence[Encoded] | None = None) -> Tensor:
        """As `propagate`, of objects as `one_hot` makes them, `masks` (K, H, W)."""
        session = self._session(frames, masks, features or ())
        probabilities = [with_background(masks)]
        for t in range(len(frames)):
            encoded = features is not None and t > 0
            # A frame whose features are in the session's cache is not read.
            image = frames[t : t + 1] if encoded else self._prepared(frames[t : t + 1])
            log_odds = self._step(session, image, t)
            if t > 0:
                log_odds = functional.interpolate(
                    log_odds[None], frames.shape[2:], mode="bilinear", align_corners=False
                )[0]
                probabilities.append(shared(log_odds))
        return torch.stack(probabilities)

    def _session(self, frames: Tensor, masks: Tensor, features: Sequence[Encoded]) -> Any:
        """The library's session for `frames`, with the objects of `masks` (K, H, W) shown in frame 0."""
        kind = FAMILIES[self.network.config.model_type].session  # type: ignore[index, union-attr]
        where = frames.device
        session = getattr(hub(), kind)(
            video_height=self.size[0],
            video_width=self.size[1],
            inference_device=where,
            inference_state_device=where,
            video_storage_device=where,
            dtype=frames.dtype,
            max_vision_features_cache_size=len(features) + 1,
        )
        for t, one in enumerate(features, start=1):
            session.cache.cache_vision_features(
                t, {"vision_feats": list(one.maps), "vision_pos_embeds": list(one.positions)}
            )
        for label, mask in enumerate(masks, start=1):
            self._show(session, session.obj_id_to_idx(label), mask)
        session.obj_with_new_inputs = list(session.obj_ids)
        return session

    def _show(self, session: Any, which: int, mask: Tensor) -> None:
        """Show the object number `which` of the `session` by what `prompt` takes of its `mask` (H, W)."""
        if self.prompt.is_mask:
            session.add_mask_inputs(which, 0, (self._resized(mask[None, None]) >= 0.5).to(mask))
            return
        places, kinds = self.prompt.points(mask)
        # As the library's processor: pixels of the frame to pixels of the input, whose centres the encoder takes.
        (height, width), (rows, columns) = self.size, mask.shape
        scale = numbers_on(mask.device, (width / columns, height / rows), mask.dtype)
        points = {"point_coords": (places.to(mask) * scale)[None, None], "point_labels": kinds[None, None]}
        session.add_point_inputs(which, 0, points)

    def _step(self, session: Any, image: Tensor, t: int) -> Tensor:
        """(K, h, w): log-odds of each object by itself in frame `t`, at the resolution of the mask decoder."""
        forward = type(self.network).forward
        forward = getattr(forward, "__wrapped__", forward)  # without the inference mode around it
        with decoded(self.network) as answers, precisely(image.dtype):
            output = forward(self.network, session, frame=image, frame_idx=t)
        if self.gated or t == 0:
            masks: Tensor = output.pred_masks[:, 0]
            return masks
        return torch.cat([_ungated(*one) for one in answers])

    def _prepared(self, images: Tensor) -> Tensor:
        """`images` (B, 3, H, W) resized and normalised."""
        mean, std = (numbers_on(images.device, v, images.dtype)[:, None, None] for v in (self.mean, self.std))
        return (self._resized(images) - mean) / std

    def _resized(self, images: Tensor) -> Tensor:
        if tuple(images.shape[2:]) == self.size:
            return images
        return functional.interpolate(images, self.size, mode="bilinear", align_corners=False, antialias=True)


def shared(log_odds: Tensor) -> Tensor:
    """(K + 1, ...): soft aggregation (`stcn_memory.aggregate`) of K objects by their `log_odds` (K, ...).

    Written in log-odds, so that a gradient is left where an object is all but certain.
    """
    log_odds = log_odds.clamp(-_MOST, _MOST)
    nothing = functional.logsigmoid(-log_odds).sum(dim=0, keepdim=True)
    background = nothing - (-torch.expm1(nothing)).log()
    return torch.cat([background, log_odds]).softmax(dim=0)


def _ungated(masks: Tensor, quality: Tensor, score: Tensor) -> Tensor:
    """(1, h, w): log-odds of sigmoid(score) * sigmoid(mask).

    Args:
        masks: (1, 1, M, h, w), the decoder's log-odds of M masks for one object.
        quality: (1, 1, M), which of them is best.
        score: (1, 1, 1), log-odds that the object is there.
    """
    mask = masks[0, 0].index_select(0, quality[0, 0].argmax()[None])
    there, inside = functional.logsigmoid(score[0]), functional.logsigmoid(mask)
    absent, elsewhere = functional.logsigmoid(-score[0]), functional.logsigmoid(-mask)
    return there + inside - torch.logaddexp(absent.expand_as(mask), there + elsewhere)
