"""torchvision's two-stage detectors: Faster R-CNN, and Mask R-CNN without its masks."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.class_map import ClassNames, name_behind_background
from foolscape.models.common.freezing import freeze
from foolscape.models.detectors.common import SOFTMAX_NOTE, candidates_of, check_scores, detections_of, softmax_scores
from foolscape.models.detectors.torchvision_common import PreparedImages, finite, just_below, prepare
from foolscape.models.segmenters.torchvision import library
from foolscape.tasks.detection import Candidates, Detections


@dataclass(frozen=True)
class TwoStageDetector:
    """A two-stage network of torchvision. Made by `adapt_two_stage`.

    Attributes:
        module: Faster R-CNN or Mask R-CNN, in eval mode, its parameters frozen. It normalises and resizes inside.
        classes, notes: as of a `Detector`.
        channels: the network's label of each class; 0 is its background.
        nms_iou: the overlap above which a proposal is dropped, in `candidates` only. 0.9, and not the network's own
            0.7, by DAG (Xie et al. 2017, ICCV, section 3.3).
        most: how many proposals are kept per image, in `candidates` only; 3000 by DAG.
    """

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    nms_iou: float = 0.9
    most: int = 3000

    @property
    def two_stage(self) -> bool:
        """Candidates are proposals: they move with the image, and given ones are scored instead."""
        return True

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """Proposals and their scores: the logits of the box head's softmax, its own background moved to the end.

        Boxes are proposals as they were scored, before the box head refines them. Their coordinates carry no gradient,
        as in the network itself. An image with fewer proposals than others of its batch repeats its last one.

        Raises:
            ModelError: no proposal is left for an image.
        """
        prepared = prepare(self.module, images)
        if boxes is None:
            boxes = self._propose(prepared, images) / prepared.scale
        boxes = boxes.detach().to(images.dtype)
        logits, _ = _heads(self.module, prepared, list(boxes * prepared.scale))
        scores = softmax_scores(logits.view(*boxes.shape[:2], logits.shape[1]), self.channels)
        return candidates_of(boxes, scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The network's own detections, with its proposals, NMS and limits, at another threshold."""
        network: Any = self.module
        prepared = prepare(self.module, images)
        with finite(network.rpn.head, lambda outputs: outputs[0]):
            proposals, _ = network.rpn(prepared.listed, prepared.features)
        heads: Any = copy.copy(network.roi_heads)  # shares all but its plain attributes
        heads.score_thresh = just_below(score_threshold)
        logits, regression = _heads(self.module, prepared, proposals)
        check_scores(logits)
        detected = heads.postprocess_detections(logits, regression, proposals, prepared.listed.image_sizes)
        return [
            detections_of(boxes / prepared.scale, scores, labels, score_threshold, self.channels)
            for boxes, scores, labels in zip(*detected, strict=True)
        ]

    @torch.no_grad()
    def _propose(self, prepared: PreparedImages, images: Tensor) -> Tensor:
        """(B, N, 4) in the network's own pixels: the best proposals of each image."""
        network: Any = self.module
        rpn: Any = copy.copy(network.rpn)
        before = max(self.most, rpn.pre_nms_top_n())
        rpn.nms_thresh = self.nms_iou
        rpn._pre_nms_top_n = {"training": before, "testing": before}
        rpn._post_nms_top_n = {"training": self.most, "testing": self.most}
        proposals, _ = rpn(prepared.listed, prepared.features)
        counts = [len(one) for one in proposals]
        if min(counts) == 0:
            raise ModelError(
                f"expected at least one proposal per image, got none for {counts.count(0)} of {len(counts)} images of "
                f"{images.shape[2]} x {images.shape[3]}; look for weights that were not loaded, or give a larger --size"
            )
        last = max(counts) - 1
        rows = torch.arange(last + 1, device=images.device)
        return torch.stack([one[rows.clamp(max=len(one) - 1)] for one in proposals])


def adapt_two_stage(
    module: nn.Module, class_names: ClassNames, *, device: torch.device | str = "cpu", notes: Sequence[str] = ()
) -> TwoStageDetector:
    """The `Detector` of a two-stage network of torchvision, frozen and moved to `device` itself, not copied.

    Args:
        module: a Faster R-CNN or Mask R-CNN.
        class_names: the network's own may begin with its background.
        device: where to run.
        notes: put before the adapter's own.

    Raises:
        ModelError: it is another network, or the names do not fit.
    """
    if not isinstance(module, library().detection.FasterRCNN):
        raise ModelError(f"expected a Faster R-CNN or Mask R-CNN of torchvision, got {type(module).__name__}")
    freeze(module, torch.device(device))
    network: Any = module
    named = name_behind_background(network.roi_heads.box_predictor.cls_score.out_features - 1, class_names)
    detector = TwoStageDetector(module, named.names, (), named.channels)
    note = f"candidates: the network's own proposals, NMS at an IoU of {detector.nms_iou:g}, the best {detector.most}"
    return replace(detector, notes=(*notes, SOFTMAX_NOTE, note, *named.notes))


def _heads(module: nn.Module, prepared: PreparedImages, proposals: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Class logits (M, K) and box regression of all `proposals`, each (N, 4) in the network's own pixels."""
    heads: Any = module.roi_heads
    pooled = heads.box_roi_pool(prepared.features, proposals, prepared.listed.image_sizes)
    logits, regression = heads.box_predictor(heads.box_head(pooled))
    return logits, regression
