"""torchvision's dense detectors: RetinaNet, FCOS, SSD and SSDLite. Candidate n is anchor n of the network's grid."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.common.class_map import ClassNames, name_behind_background, name_channels
from foolscape.models.common.freezing import freeze
from foolscape.models.detectors.common import (
    SIGMOID_NOTE,
    SOFTMAX_NOTE,
    candidates_of,
    detections_of,
    log_odds,
    pick,
    sigmoid_scores,
    softmax_scores,
)
from foolscape.models.detectors.torchvision_common import finite, just_below, prepare
from foolscape.models.segmenters.torchvision import library
from foolscape.tasks.detection import Candidates, Detections

Outputs = dict[str, Tensor]

_SCORES: Final = ("cls_logits", "bbox_ctrness")
"""What a head says of scores; the latter is FCOS's alone."""


@dataclass(frozen=True)
class DenseDetector:
    """A dense network of torchvision. Made by `adapt_dense`.

    Attributes:
        module: RetinaNet, FCOS or SSD, in eval mode, its parameters frozen. It normalises and resizes inside.
        classes, notes: as of a `Detector`.
        channels: the network's label of each class.
        scores: what becomes of the head's outputs: (outputs, channels) -> (B, C + 1, N).
    """

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    scores: Callable[[Outputs, Sequence[int]], Tensor]

    @property
    def two_stage(self) -> bool:
        """Candidate n is anchor n in every call."""
        return False

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:  # noqa: ARG002
        """Every anchor's decoded box, in pixels of `images` and not clipped, and its scores; see `Detector.candidates`.

        RetinaNet: class log-odds, background 0. FCOS: the log-odds of sqrt(class probability x centre-ness), by which
        it ranks its detections, background 0. SSD: the logits of its softmax, its own background moved to the end.
        """
        network: Any = self.module
        listed, features, scale = prepare(self.module, images)
        maps = list(features.values())
        outputs = network.head(maps)
        anchors = network.anchor_generator(listed, maps)[0]
        decoded = _decode(network.box_coder, outputs["bbox_regression"], anchors)
        return candidates_of(decoded / scale, self.scores(outputs, self.channels), images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The network's own detections, with its NMS and limits, at another threshold. See `Detector.detect`."""
        network: Any = copy.copy(self.module)  # shares all but its plain attributes
        network.score_thresh = just_below(score_threshold)
        with finite(network.head, lambda outputs: (outputs[key] for key in _SCORES if key in outputs)):
            detected = network(list(images))
        return [
            detections_of(one["boxes"], one["scores"], one["labels"], score_threshold, self.channels)
            for one in detected
        ]


def adapt_dense(
    module: nn.Module, class_names: ClassNames, *, device: torch.device | str = "cpu", notes: Sequence[str] = ()
) -> DenseDetector:
    """The `Detector` of a dense network of torchvision, which is frozen and moved to `device` itself, not copied.

    Args:
        module: a RetinaNet, FCOS or SSD.
        class_names: in an SSD, label 0 is the background; in the others it may be a class, and is taken for unused
            where there is a name for every label but that one.
        device: where to run.
        notes: put before the adapter's own.

    Raises:
        ModelError: it is another network, or the names do not fit.
    """
    detection = library().detection
    if not isinstance(module, detection.ssd.SSD | detection.FCOS | detection.RetinaNet):
        raise ModelError(f"expected a RetinaNet, FCOS or SSD of torchvision, got {type(module).__name__}")
    freeze(module, torch.device(device))
    head: Any = module.head
    if isinstance(module, detection.ssd.SSD):
        named = name_behind_background(head.classification_head.num_columns - 1, class_names)
        return DenseDetector(module, named.names, (*notes, SOFTMAX_NOTE, *named.notes), named.channels, _ssd)
    if isinstance(module, detection.FCOS):
        scores, note = _fcos, f"{SIGMOID_NOTE}; a class's probability is sqrt(class x centre-ness)"
    else:
        scores, note = _retinanet, SIGMOID_NOTE
    named = name_channels(head.classification_head.num_classes, class_names, unused_first=True)
    return DenseDetector(module, named.names, (*notes, note, *named.notes), named.channels, scores)


def _retinanet(outputs: Outputs, channels: Sequence[int]) -> Tensor:
    """(B, C + 1, N): the head's log-odds."""
    return sigmoid_scores(pick(outputs["cls_logits"], channels))


def _fcos(outputs: Outputs, channels: Sequence[int]) -> Tensor:
    """(B, C + 1, N): the log-odds of the geometric mean of class probability and centre-ness."""
    classes = functional.logsigmoid(pick(outputs["cls_logits"], channels))
    return sigmoid_scores(log_odds((classes + functional.logsigmoid(outputs["bbox_ctrness"])) / 2))


def _ssd(outputs: Outputs, channels: Sequence[int]) -> Tensor:
    """(B, C + 1, N): the head's logits."""
    return softmax_scores(outputs["cls_logits"], channels)


def _decode(coder: Any, regression: Tensor, anchors: Tensor) -> Tensor:
    """(B, N, 4) boxes from what the head says about each of the (N, 4) anchors."""
    # FCOS's coder takes any leading dimensions; the other one takes flat boxes alone.
    if not hasattr(coder, "decode_single"):
        return torch.stack([coder.decode(one, anchors) for one in regression])
    return torch.stack([coder.decode_single(one, anchors) for one in regression])
