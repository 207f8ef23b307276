"""The detectors of ultralytics: YOLO of all versions with one or two heads, RT-DETR; also the boxes of their kin.

What is known of the library's networks: in eval mode a dense head answers with its decoded boxes and class
probabilities for every cell, and with the logits beside them; a second, one-to-one head, trained to need no NMS, is
chosen by `end2end` and then picks its best cells in `postprocess`. RT-DETR answers with its queries likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.guard import guarded
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.library import library, quietly
from foolscape.models.common.ultralytics.network import ORIENTED, QUERIES
from foolscape.models.common.whole_gradient import whole_gradient
from foolscape.models.common.wrappers import handed, on_images
from foolscape.models.detectors.common import candidates_of, check_scores, detections_of, pick, sigmoid_scores
from foolscape.models.detectors.torchvision_common import just_below
from foolscape.sending import numbers_on
from foolscape.tasks.detection import Candidates, Detections

_OLDEST: Final = "ultralytics 8.4"


@dataclass(frozen=True)
class Choosing:
    """How detections are chosen among the candidates: what validation is told.

    Attributes:
        conf: detections score more than this.
        iou: a box that overlaps a better one of its class by more is dropped; a cell may be several classes. Not for
            heads that need no NMS.
        max_det: how many are kept in an image.
    """

    conf: float
    iou: float
    max_det: int


@dataclass(frozen=True)
class YoloDetector:
    """A detector of ultralytics. Made by `adapt_yolo`.

    Attributes:
        module: in eval mode, its parameters frozen. Its dense head answers with all its cells.
        classes, notes: as of a `Detector`.
        channels: the network's label of each class.
        kind: of its head, see `Network`.
        one_to_one: whether the head is used that needs no NMS.
        letterbox: what is done to images.
        choosing: what is done to candidates.
        detaches: whether the network cuts gradients in the forward pass.
    """

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    kind: str
    one_to_one: bool
    letterbox: Letterbox
    choosing: Choosing
    detaches: bool = False

    @property
    def two_stage(self) -> bool:
        """Candidate n is the same cell, or query, in every call."""
        return False

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:  # noqa: ARG002
        """The boxes of all cells or queries, in pixels of `images`, and class log-odds; the background's are 0."""
        answer = self._forward(images)
        corners = corners_of(answer.boxes, self.kind, xyxy=_is_xyxy(self.module, self.kind))
        scores = sigmoid_scores(pick(answer.logits, self.channels))
        return candidates_of(self._on_images(corners, images), scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections by the library's own rule and NMS, with the limits of `choosing`; clipped to the image."""
        answer = self._forward(images)
        check_scores(answer.logits)
        conf = max(self.choosing.conf, just_below(score_threshold))
        found = []
        for rows in self._chosen(answer.whole, conf):
            boxes = torch.cat([rows[:, :4], rows[:, -1:]], dim=1) if self.kind == ORIENTED else rows[:, :4]
            # The library's NMS hands out corners, but of oriented boxes; queries are left as they are.
            corners = self._on_images(corners_of(boxes, self.kind, xyxy=True), images)
            limits = corners.new_tensor([images.shape[3], images.shape[2]] * 2)
            clipped = corners.clamp(min=0).minimum(limits)
            found.append(detections_of(clipped, rows[:, 4], rows[:, 5], score_threshold, self.channels))
        return found

    def _forward(self, images: Tensor) -> Answer:
        inputs = handed(self.letterbox(images))
        with guarded(on_images(self.module, images)), whole_gradient(self.detaches):
            output = self.module(inputs)
        return answer_of(output, self.kind, one_to_one=self.one_to_one)

    def _on_images(self, corners: Tensor, images: Tensor) -> Tensor:
        """`corners` (..., 4) in what the network sees, or as shares of it, in pixels of `images`."""
        size = (images.shape[2], images.shape[3])
        if self.kind == QUERIES:
            return corners * numbers_on(corners.device, (size[1], size[0]) * 2, corners.dtype)
        return self.letterbox.boxes(corners, size)

    def _chosen(self, whole: Tensor, conf: float) -> list[Tensor]:
        """The detections of each image: (K, 6 or more): box, score, label, and what else the head says."""
        most, head = self.choosing.max_det, head_of(self.module)
        if self.kind == QUERIES:
            return [rows[rows[:, 4] > conf][:most] for rows in whole]
        if self.one_to_one:
            picked = type(head).postprocess(head, whole)
            return [rows[rows[:, 4] > conf][:most] for rows in picked]
        suppress = library().nms.non_max_suppression
        found = []
        with quietly():
            for rows in whole:  # one by one: a batch that takes it long is left unfinished
                found += suppress(
                    rows.T[None],
                    conf_thres=conf,
                    iou_thres=self.choosing.iou,
                    multi_label=True,
                    max_det=most,
                    nc=head.nc,
                    rotated=self.kind == ORIENTED,
                )
        return found


@dataclass(frozen=True)
class Answer:
    """What a network answers.

    Attributes:
        boxes: (B, N, 4), of oriented boxes (B, N, 5), as the head writes them.
        logits: (B, N, C).
        whole: all that detections are chosen from: of dense heads (B, N, 4 + C + more), of queries (B, K, 6).
    """

    boxes: Tensor
    logits: Tensor
    whole: Tensor


def head_of(module: nn.Module) -> Any:
    """The last part of a network of ultralytics."""
    network: Any = module
    return network.model[-1]


def all_cells(whole: Tensor, *_: object) -> Tensor:
    """What a one-to-one head is given for its `postprocess`: nothing is picked."""
    return whole


def answer_of(output: Any, kind: str, *, one_to_one: bool) -> Answer:
    """The parts of the `output` of a network in eval mode."""
    try:
        first, raw = output
        if kind == QUERIES:
            return Answer(raw[0][-1], raw[1][-1], first)
        whole = first[0] if isinstance(first, tuple | list) else first
        whole = whole if one_to_one else whole.transpose(1, 2)
        branch: Mapping[str, Tensor] = raw.get("one2one" if one_to_one else "one2many", raw)
        boxes = torch.cat([whole[..., :4], whole[..., -1:]], dim=-1) if kind == ORIENTED else whole[..., :4]
        return Answer(boxes, branch["scores"].transpose(1, 2), whole)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise ModelError(
            f"expected the outputs of a head of {_OLDEST} or later, got {type(error).__name__}: {error}; install a "
            "newer one: pip install -U ultralytics"
        ) from error


def _is_xyxy(module: nn.Module, kind: str) -> bool:
    """Whether the head decodes to corners; else to middle, width and height."""
    head = head_of(module)
    return kind != QUERIES and bool(head.end2end or head.xyxy)


def corners_of(boxes: Tensor, kind: str, *, xyxy: bool) -> Tensor:
    """(..., 4) x1, y1, x2, y2 of what a head, or the library's choice among it, calls `boxes`.

    An oriented box (..., 5) of middle, width, height and angle becomes the smallest upright one around it.
    """
    if xyxy and kind not in (ORIENTED, QUERIES):
        return boxes
    middle, half = boxes[..., :2], boxes[..., 2:4] / 2
    if kind == ORIENTED:
        cos, sin = boxes[..., 4:].cos().abs(), boxes[..., 4:].sin().abs()
        half = half * cos + half.flip(-1) * sin
    return torch.cat([middle - half, middle + half], dim=-1)
