"""A stand-in for mmdetection, written from the interfaces of `BaseDenseHead`, `StandardRoIHead` and their parts."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms, roi_align

CLASSES = ("cat", "dog")


class Priors:
    """One point in each cell, at strides 8 and 16."""

    def grid_priors(self, featmap_sizes: list[Any], dtype: torch.dtype, device: torch.device) -> list[Tensor]:
        """(N, 2) x and y of each level."""
        grids = []
        for (high, wide), stride in zip(featmap_sizes, (8, 16), strict=True):
            y, x = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
            grids.append((torch.stack([x, y], dim=2).flatten(0, 1).to(device, dtype) + 0.5) * stride)
        return grids


class Coder:
    """Distances to the sides."""

    encode_size = 4

    def decode(self, points: Tensor, distances: Tensor, max_shape: tuple[int, int] | None = None) -> Tensor:
        """(N, 4), inside `max_shape` (H, W)."""
        boxes = torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=-1)
        if max_shape is not None:
            boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([max_shape[1], max_shape[0]] * 2))
        return boxes


class BaseDenseHead(nn.Module):
    """Prediction as the library's: detached, the best `nms_pre` of each level, NMS, then `max_per_img`."""

    test_cfg = SimpleNamespace(nms_pre=30, score_thr=0.05, iou=0.6, max_per_img=50)

    def predict_by_feat(
        self,
        cls_scores: list[Tensor],
        bbox_preds: list[Tensor],
        score_factors: list[Tensor] | None = None,
        batch_img_metas: list[dict[str, Any]] = [],  # noqa: B006
        cfg: Any = None,
        rescale: bool = False,
        with_nms: bool = True,
    ) -> list[Any]:
        """Instances of each image."""
        head: Any = self
        priors = head.prior_generator.grid_priors(
            [one.shape[2:] for one in cls_scores], cls_scores[0].dtype, cls_scores[0].device
        )
        levels = [cls_scores, bbox_preds, score_factors or [None] * len(priors)]
        return [
            self._predict_by_feat_single(
                *[[None if one is None else one[i].detach() for one in level] for level in levels],
                priors,
                meta,
                rescale,
            )
            for i, meta in enumerate(batch_img_metas)
        ]

    def _predict_by_feat_single(
        self, logits: Any, deltas: Any, factors: Any, priors: list[Tensor], meta: dict[str, Any], rescale: bool
    ) -> Any:
        head: Any = self
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for one, delta, factor, points in zip(logits, deltas, factors, priors, strict=True):
            flat = one.permute(1, 2, 0).reshape(-1, head.cls_out_channels)
            chances = flat.sigmoid() if head.use_sigmoid_cls else flat.softmax(1)[:, :-1]
            rows, classes = (chances > self.test_cfg.score_thr).nonzero().T
            scores, order = chances[rows, classes].sort(descending=True)
            order = order[: self.test_cfg.nms_pre]
            rows, classes, scores = rows[order], classes[order], scores[: len(order)]
            if factor is not None:
                scores = scores * factor.flatten().sigmoid()[rows]
            delta = delta.permute(1, 2, 0).reshape(-1, 4)[rows]
            found.append((head.bbox_coder.decode(points[rows], delta, meta["img_shape"]), scores, classes))
        boxes, scores, classes = (torch.cat(parts) for parts in zip(*found, strict=True))
        if rescale:
            boxes = boxes / boxes.new_tensor(meta["scale_factor"] * 2)
        keep = batched_nms(boxes, scores, classes, self.test_cfg.iou)[: self.test_cfg.max_per_img]
        return SimpleNamespace(bboxes=boxes[keep], scores=scores[keep], labels=classes[keep])


class DenseHead(BaseDenseHead):
    """Two levels, with or without a centerness, sigmoid or softmax."""

    def __init__(self, *, centerness: bool, sigmoid: bool) -> None:
        super().__init__()
        self.use_sigmoid_cls, self.centerness = sigmoid, centerness
        self.cls_out_channels = len(CLASSES) + (not sigmoid)
        self.prior_generator, self.bbox_coder = Priors(), Coder()
        self.cls, self.reg, self.centre = (nn.Conv2d(8, n, 3, padding=1) for n in (self.cls_out_channels, 4, 1))

    def forward(self, features: tuple[Tensor, ...]) -> tuple[list[Tensor], ...]:
        """Scores, distances and perhaps centerness of each level."""
        answer = (
            [self.cls(one) for one in features],
            [(self.reg(one) + 0.5).exp() * stride for one, stride in zip(features, (8, 16), strict=True)],
        )
        return (*answer, [self.centre(one) for one in features]) if self.centerness else answer


class OtherHead(DenseHead):
    """One that decodes in its own way."""

    def _predict_by_feat_single(self, *args: Any) -> Any:
        return args


class BoxHead(nn.Module):
    """Class logits, the background last."""

    custom_cls_channels = False

    def __init__(self) -> None:
        super().__init__()
        self.bbox_coder, self.fc_cls = Coder(), nn.Sequential(nn.Flatten(), nn.Linear(8 * 9, len(CLASSES) + 1))


class RoiHead(nn.Module):
    """As StandardRoIHead."""

    test_cfg = SimpleNamespace(score_thr=0.05, iou=0.5, max_per_img=100)

    def __init__(self) -> None:
        super().__init__()
        self.bbox_head = BoxHead()

    def _bbox_forward(self, x: tuple[Tensor, ...], rois: Tensor) -> dict[str, Tensor]:
        pooled = roi_align(x[0], rois.to(x[0]), 3, spatial_scale=1 / 8, sampling_ratio=2)
        return {"cls_score": self.bbox_head.fc_cls(pooled)}

    def predict_bbox(
        self,
        x: Any,
        batch_img_metas: list[dict[str, Any]],
        rpn_results_list: list[Any],
        rcnn_test_cfg: Any,
        rescale: bool,
    ) -> list[Any]:
        """Instances of each image; the boxes are the proposals."""
        rois = [torch.cat([torch.full_like(r.bboxes[:, :1], i), r.bboxes], 1) for i, r in enumerate(rpn_results_list)]
        chances = self._bbox_forward(x, torch.cat(rois))["cls_score"].softmax(1).split([len(one) for one in rois])
        found = []
        for one, chance, meta in zip(rpn_results_list, chances, batch_img_metas, strict=True):
            rows, classes = (chance[:, :-1] > rcnn_test_cfg.score_thr).nonzero().T
            scores = chance[rows, classes]
            boxes = one.bboxes[rows] / (one.bboxes.new_tensor(meta["scale_factor"] * 2) if rescale else 1)
            keep = batched_nms(boxes, scores, classes, rcnn_test_cfg.iou)[: rcnn_test_cfg.max_per_img]
            found.append(SimpleNamespace(bboxes=boxes[keep], scores=scores[keep], labels=classes[keep]))
        return found


class Detector(nn.Module):
    """As `init_detector` returns it: one stage, or two with the dense head as RPN."""

    def __init__(
        self, head: nn.Module, pipeline: list[dict[str, Any]], *, to_rgb: bool, two_stage: bool = False
    ) -> None:
        super().__init__()
        self.body = nn.ModuleList([nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 8, 2, 2)])
        if two_stage:
            self.rpn_head, self.roi_head = head, RoiHead()
        else:
            self.bbox_head = head
        self.dataset_meta = {"classes": CLASSES}
        self.cfg = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=SimpleNamespace(pipeline=pipeline)))
        self.data_preprocessor = nn.Module()
        own: Any = self.data_preprocessor
        own.register_buffer("mean", torch.tensor([120.0, 110.0, 90.0]).view(3, 1, 1), persistent=False)
        own.register_buffer("std", torch.tensor([60.0, 50.0, 40.0]).view(3, 1, 1), persistent=False)
        own._channel_conversion, own._enable_normalize, own.pad_size_divisor, own.pad_value = to_rgb, True, 32, 0

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Features at strides 8 and 16."""
        first = self.body[0](batch_inputs).tanh()
        return first, self.body[1](first).tanh()
