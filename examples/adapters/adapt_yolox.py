"""A detector of YOLOX (Megvii) for foolscape. Copy this file beside your own, `mine.py`:

    from adapt_yolox import adapt
    def build(): return adapt(MODEL, EXP, COCO_CLASSES)  # exp.get_model() with its weights, exp, of yolox.data.datasets

    foolscape run --model mine.py:build --data coco:coco --attack pgd --goal vanish --out runs/yolox

Letterbox (at the top left, grey 114), BGR and 0 to 255 are those of the library's `ValTransform`, on float images: it
rounds resized ones to 8 bits, in numpy. Candidates are all cells of the head with their objectness, before thresholds
and NMS; detections are those of the library's own `postprocess`, which keeps the best class of each cell above
`test_conf`. It writes into what it is given, and so gets no tensor with a gradient.
"""

import importlib
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adapted(nn.Module):
    """From RGB (B, 3, H, W) in [0, 1] to boxes in pixels, class probabilities and objectness."""

    scores_hold_objectness = False
    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, exp: Any, classes: tuple[str, ...], legacy: bool) -> None:
        super().__init__()
        self.model, self.exp, self.classes, self.legacy = model, exp, classes, legacy
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def head(self, images: Tensor) -> tuple[Tensor, float]:
        """The head's output (B, N, 5 + C), and how many of its pixels one of the images' is."""
        high, wide = self.exp.test_size
        height, width = images.shape[2:]
        ratio = min(high / height, wide / width)
        inner = (int(height * ratio), int(width * ratio))
        resized = functional.interpolate(images, inner, mode="bilinear", align_corners=False)
        boxed = functional.pad(resized, (0, wide - inner[1], 0, high - inner[0]), value=114 / 255)
        prepared = (boxed - self.mean) / self.std if self.legacy else boxed.flip(1) * 255
        return self.model(prepared), ratio

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        output, ratio = self.head(images)
        middle, half = output[..., :2], output[..., 2:4] / 2
        boxes = torch.cat([middle - half, middle + half], dim=2) / ratio
        return {"boxes": boxes, "scores": output[..., 5:], "objectness": output[..., 4]}

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[dict[str, Tensor]]:
        """The library's detections, those below `score_threshold` left out."""
        output, ratio = self.head(images)
        postprocess = importlib.import_module("yolox.utils").postprocess
        found = postprocess(output, self.exp.num_classes, self.exp.test_conf, self.exp.nmsthre)
        rows = [output.new_zeros(0, 7) if one is None else one for one in found]
        rows = [one[one[:, 4] * one[:, 5] >= score_threshold] for one in rows]
        return [{"boxes": r[:, :4] / ratio, "scores": r[:, 4] * r[:, 5], "labels": r[:, 6].long()} for r in rows]


def adapt(model: nn.Module, exp: Any, classes: tuple[str, ...], legacy: bool = False) -> nn.Module:
    """What foolscape attacks; `legacy` as in the library's demo, for weights from before version 0.1.1."""
    return Adapted(model.eval(), exp, tuple(classes), legacy)
