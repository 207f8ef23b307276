"""Faster and Mask R-CNN of detectron2 for foolscape. Copy this file beside your own, `mine.py`:

    from adapt_detectron2 import adapt
    def build(): return adapt(DefaultPredictor(CFG))  # of detectron2.engine

    foolscape run --model mine.py:build --data coco:coco --attack dag --out runs/detectron2

Resizing (MIN_SIZE_TEST, MAX_SIZE_TEST) and order of channels are those of `DefaultPredictor`, on float images: it
resizes 8-bit ones with PIL, under no_grad. Normalisation and padding are the model's own `preprocess_image`. Candidates
are the model's proposals, which have no gradient, as in the library, with the logits of its box head; given boxes are
scored instead. Detections are the model's own, with its `SCORE_THRESH_TEST`. Needs `GeneralizedRCNN` with
`StandardROIHeads` (FPN): cascades, C4 heads and RetinaNet are refused.
"""

import importlib
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.tasks.detection import Candidates, Detections


class Adapted:
    """A two-stage `foolscape.tasks.detection.Detector`."""

    two_stage = True
    notes = ("scores: the box head's logits, its background last", "candidates: the network's own proposals")

    def __init__(self, predictor: Any) -> None:
        self.model, self.cfg = predictor.model.eval(), predictor.cfg.INPUT
        self.classes = tuple(predictor.metadata.thing_classes)
        heads = getattr(self.model, "roi_heads", None)
        if not hasattr(getattr(heads, "box_predictor", None), "test_score_thresh") or not hasattr(heads, "box_pooler"):
            raise TypeError(
                f"expected a GeneralizedRCNN with StandardROIHeads, got {type(heads or self.model).__name__}"
            )

    def prepared(self, images: Tensor) -> tuple[list[dict[str, Any]], Tensor]:
        """What the model is called with, and the factors from pixels of the images to its own, (4,)."""
        height, width = images.shape[2:]
        scale = self.cfg.MIN_SIZE_TEST / min(height, width) if self.cfg.MIN_SIZE_TEST else 1.0
        scale = min(scale, self.cfg.MAX_SIZE_TEST / max(height, width)) if self.cfg.MIN_SIZE_TEST else scale
        size = (int(height * scale + 0.5), int(width * scale + 0.5))
        resized = functional.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True) * 255
        resized = resized if self.cfg.FORMAT == "RGB" else resized.flip(1)
        factors = images.new_tensor([size[1] / width, size[0] / height] * 2)
        return [{"image": image, "height": height, "width": width} for image in resized], factors

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """Proposals, or given `boxes` (B, N, 4), and their logits."""
        inputs, factors = self.prepared(images)
        ready = self.model.preprocess_image(inputs)
        features, heads = self.model.backbone(ready.tensor), self.model.roi_heads
        if boxes is None:
            proposals = [one.proposal_boxes.tensor for one in self.model.proposal_generator(ready, features, None)[0]]
            rows = torch.arange(max(map(len, proposals)))  # fewer than in another image: the last one again
            boxes = torch.stack([p[rows.clamp(max=len(p) - 1).to(p.device)] for p in proposals]) / factors
        boxes = boxes.detach().to(images.dtype)
        structure = importlib.import_module("detectron2.structures").Boxes
        pooled = heads.box_pooler(
            [features[name] for name in heads.box_in_features], [structure(b * factors) for b in boxes]
        )
        logits = heads.box_predictor(heads.box_head(pooled))[0].unflatten(0, boxes.shape[:2]).transpose(1, 2)
        if heads.box_predictor.use_sigmoid_ce:
            logits = torch.cat([logits[:, :-1], torch.zeros_like(logits[:, -1:])], dim=1)
        return Candidates(boxes, logits)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The model's detections, those below `score_threshold` left out."""
        found = [one["instances"] for one in self.model(self.prepared(images)[0])]
        kept = [(one, one.scores >= score_threshold) for one in found]
        return [Detections(o.pred_boxes.tensor[k], o.scores[k], o.pred_classes[k]) for o, k in kept]


def adapt(predictor: Any) -> Adapted:
    """What foolscape attacks, of a `DefaultPredictor`."""
    return Adapted(predictor)
