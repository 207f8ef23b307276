"""Faster and Mask R-CNN of mmdetection (3.x) for foolscape. Copy this file and `adapt_mmdetection.py` beside your own:

    from adapt_mmdetection_two_stage import adapt
    def build(): return adapt(init_detector(CONFIG, CHECKPOINT, device="cpu"))  # of mmdet.apis

    foolscape run --model mine.py:build --data coco:coco --attack dag --out runs/mmdet

For `StandardRoIHead` with a softmax; cascades and other heads are refused. Candidates are the network's own proposals,
whose coordinates have no gradient, with the logits of its box head; given boxes are scored instead. Detections are the
library's, by its `test_cfg`. Images are prepared as by `adapt_mmdetection.py`.
"""

from typing import Any

import torch
from adapt_mmdetection import check_pipeline, kept, prepared
from torch import Tensor

from foolscape.tasks.detection import Candidates, Detections


class TwoStage:
    """A `foolscape.tasks.detection.Detector` of proposals and a box head."""

    two_stage = True
    notes = ("scores: the box head's logits, its background last", "candidates: the network's own proposals")

    def __init__(self, model: Any) -> None:
        self.model, self.classes = model, tuple(model.dataset_meta["classes"])

    @torch.no_grad()
    def proposals(self, features: Any, metas: list[dict[str, Any]]) -> Any:
        """The library's, in pixels of the network."""
        rpn = self.model.rpn_head
        return rpn.predict_by_feat(*rpn(features), batch_img_metas=metas, rescale=False)

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """Proposals, or given `boxes` (B, N, 4), and their logits."""
        x, metas, factors = prepared(self.model, images)
        features = self.model.extract_feat(x)
        if boxes is None:
            own = [one.bboxes for one in self.proposals(features, metas)]
            rows = torch.arange(max(map(len, own)), device=images.device)  # fewer than in another: the last again
            boxes = torch.stack([one[rows.clamp(max=len(one) - 1)] for one in own]) / factors
        boxes = boxes.detach().to(images.dtype)
        number = torch.arange(len(boxes)).to(boxes).view(-1, 1, 1).expand(*boxes.shape[:2], 1)
        rois = torch.cat([number, boxes * factors], dim=2).flatten(0, 1)
        logits = self.model.roi_head._bbox_forward(features, rois)["cls_score"]
        return Candidates(boxes, logits.unflatten(0, boxes.shape[:2]).transpose(1, 2))

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The library's detections, those below `score_threshold` left out."""
        x, metas, _ = prepared(self.model, images)
        features, head = self.model.extract_feat(x), self.model.roi_head
        found = head.predict_bbox(features, metas, self.proposals(features, metas), head.test_cfg, rescale=True)
        return kept(found, score_threshold)


def adapt(model: Any) -> TwoStage:
    """What foolscape attacks, of what `init_detector` returned."""
    head: Any = getattr(getattr(model, "roi_head", None), "bbox_head", None)
    if not hasattr(head, "bbox_coder") or head.custom_cls_channels:
        raise TypeError(f"expected a StandardRoIHead whose box head has a softmax, got {type(head).__name__}")
    check_pipeline(model)
    return TwoStage(model.eval())
