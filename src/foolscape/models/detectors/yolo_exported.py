"""A YOLO that was exported with one output, as a detector's network: images letterboxed inside, its candidates, NMS."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.wiring import Wiring, boxes_from
from foolscape.models.detectors.common import check_boxes, check_scores, detections_of
from foolscape.models.detectors.torchvision_common import just_below
from foolscape.models.detectors.ultralytics import Choosing
from foolscape.models.exported.network import ExportedNetwork
from foolscape.models.exported.yolo_head import YoloHead
from foolscape.sending import numbers_on
from foolscape.tasks.detection import Detections

_COMPARED: Final = 30_000
"""Candidates of an image, the best ones, that NMS compares, as the library does."""

_SAME: Final = 1e-4
"""How far what is taken for log-odds may be from the probabilities that are handed out."""


class YoloNetwork(nn.Module):
    """The network, which takes images of any size and hands out candidates in their pixels.

    Its scores are log-odds where the graph has them before a last sigmoid, else probabilities.
    """

    scores_hold_objectness = True

    def __init__(
        self, network: ExportedNetwork, head: YoloHead, letterbox: Letterbox, choosing: Choosing, wiring: Wiring
    ) -> None:
        """Takes the network, whose second output, if it has one, may be log-odds; see `keep_log_odds`."""
        super().__init__()
        self.network, self.head, self.letterbox, self.choosing, self.wiring = network, head, letterbox, choosing, wiring
        self.scores_hold_objectness = not head.objectness
        self.classes = network.classes
        self.files_sha256 = network.files_sha256
        self.log_odds = False

    def seen(self, images: Tensor) -> Tensor:
        """What the graph is given of `images` (B, 3, H, W)."""
        return self.wiring.images(self.letterbox(images))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """`boxes` (B, N, 4) x1, y1, x2, y2 in pixels of `images`, `scores` (B, N, C) and `objectness` (B, N, 1)."""
        whole, log_odds = self._whole(images)
        begin = 4 + self.head.objectness
        count = self._count(whole)
        scores = log_odds if log_odds is not None else whole[..., begin : begin + count]
        found = {"boxes": self._on_images(boxes_from(whole[..., :4], "cxcywh"), images), "scores": scores}
        return found | {"objectness": whole[..., 4:5]} if self.head.objectness else found

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections by the rule and the limits of ultralytics' validation; clipped to the image."""
        conf = max(self.choosing.conf, just_below(score_threshold))
        limits = numbers_on(images.device, (images.shape[3], images.shape[2]) * 2, images.dtype)
        if self.head.chosen:
            rows = [one[one[:, 4] > conf] for one in self._whole(images)[0]]
            found = [(one[:, :4], one[:, 4], one[:, 5].round().long()) for one in rows]
            boxes = [self._on_images(one, images) for one, _, _ in found]
        else:
            given = self(images)
            chances = given["scores"].sigmoid() if self.log_odds else given["scores"]
            chances = chances * given["objectness"] if self.head.objectness else chances
            check_boxes(given["boxes"])
            check_scores(chances)
            found = [self._suppressed(*one, conf) for one in zip(given["boxes"], chances, strict=True)]
            boxes = [one for one, _, _ in found]
        return [
            detections_of(corners.clamp(min=0).minimum(limits), scores, labels, score_threshold)
            for corners, (_, scores, labels) in zip(boxes, found, strict=True)
        ]

    @torch.no_grad()
    def keep_log_odds(self, images: Tensor) -> None:
        """Take the second output for log-odds of the classes, if a sigmoid of it is what the first one says."""
        self.log_odds = True
        whole, log_odds = self._whole(images)
        begin, count = 4 + self.head.objectness, self._count(whole)
        chances = whole[..., begin : begin + count]
        alike = log_odds is not None and log_odds.shape == chances.shape
        self.log_odds = alike and log_odds is not None and bool((log_odds.sigmoid() - chances).abs().max() < _SAME)

    def _whole(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The output (B, N, P), and the log-odds (B, N, C) that it comes from, if they are taken."""
        answer = self.network(self.seen(images))
        parts = list(answer.values()) if isinstance(answer, dict) else answer
        first = parts[0] if isinstance(parts, list | tuple) else parts
        if not isinstance(first, Tensor) or first.ndim != 3:
            got = tuple(first.shape) if isinstance(first, Tensor) else type(first).__name__
            raise ModelError(f"expected the output of a YOLO, (B, 4 + C, N) or (B, N, 4 + C), got {got}")
        whole = first if self.head.rows else first.transpose(1, 2)
        second = parts[1] if self.log_odds and isinstance(parts, list | tuple) and len(parts) > 1 else None
        if isinstance(second, Tensor) and second.ndim == 3:
            return whole, second if second.shape[1] == whole.shape[1] else second.transpose(1, 2)
        return whole, None

    def _count(self, whole: Tensor) -> int:
        return self.head.classes or whole.shape[2] - 4 - self.head.objectness

    def _on_images(self, corners: Tensor, images: Tensor) -> Tensor:
        size = (images.shape[2], images.shape[3])
        if self.head.queries:
            return corners * numbers_on(corners.device, (size[1], size[0]) * 2, corners.dtype)
        return self.letterbox.boxes(corners, size)

    def _suppressed(self, boxes: Tensor, chances: Tensor, conf: float) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes, scores and labels of the candidates of an image above `conf`, each of several classes, behind NMS."""
        from torchvision.ops import nms

        if self.head.queries:  # which are of their best class alone, and need no NMS
            best, labels = chances.max(dim=1)
            order = best.argsort(descending=True, stable=True)[: self.choosing.max_det]
            order = order[best[order] > conf]
            return boxes[order], best[order], labels[order]
        places, labels = torch.nonzero(chances > conf, as_tuple=True)
        scores = chances[places, labels]
        order = scores.argsort(descending=True, stable=True)[:_COMPARED]
        places, labels, scores = places[order], labels[order], scores[order]
        kept = torch.zeros_like(labels, dtype=torch.bool)
        for label in set(labels.tolist()):
            own = torch.nonzero(labels == label)[:, 0]
            kept[own[nms(boxes[places[own]].float(), scores[own].float(), self.choosing.iou)]] = True
        rows = torch.nonzero(kept)[:, 0][: self.choosing.max_det]
        return boxes[places[rows]], scores[rows], labels[rows]

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for the reader of a table."""
        choosing = self.choosing
        limits = f"conf {choosing.conf:g}, max_det {choosing.max_det}"
        chosen = self.head.chosen or self.head.queries
        how = f"without NMS: {limits}" if chosen else f"by NMS within classes: {limits}, iou {choosing.iou:g}"
        return (self.head.note, self.letterbox.note, f"detections {how}", *self.wiring.notes)
