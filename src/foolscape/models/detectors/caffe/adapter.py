"""From Faster R-CNN's networks of Caffe to a `Detector`: their images, their proposals, their detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from foolscape.errors import ModelError
from foolscape.models.common.caffe import bgr
from foolscape.models.common.class_map import ClassNames, name_behind_background
from foolscape.models.common.freezing import freeze
from foolscape.models.detectors.caffe.network import FasterRcnn
from foolscape.models.detectors.caffe.proposals import Chosen, anchors, choose, clipped, kept, moved
from foolscape.models.detectors.common import SOFTMAX_NOTE, candidates_of, check_scores, detections_of, softmax_scores
from foolscape.sending import numbers_on
from foolscape.tasks.detection import Candidates, Detections

MEANS: Final = (102.9801, 115.9465, 122.7717)
"""B, G, R in grey levels, of py-faster-rcnn."""

SHORTER, LONGEST = 600, 1000
"""Pixels that an image's shorter side is resized to, and that its longer one may have then."""

DENSE: Final = Chosen(0.9, 6000, 3000)
OWN: Final = Chosen()

LAST_PIXEL: Final = (0.0, 0.0, 1.0, 1.0)
"""What is added to boxes that name their last pixel, so that they end behind it."""


class Prepared(NamedTuple):
    """A batch as the network sees it: its last maps, and pixels of its images, which it has, per pixel given."""

    maps: Tensor
    scale: float
    size: tuple[int, int]


@dataclass(frozen=True)
class CaffeFasterRcnn:
    """A Faster R-CNN of Caffe. Made by `adapt_faster_rcnn`.

    Attributes:
        module: the network, in eval mode, its parameters frozen.
        classes, notes: as of a `Detector`.
        channels: the network's label of each class; 0 is its background.
        proposing: how proposals are chosen for `candidates`: 0.9 and 3000, and not the network's own 0.7 and 300, by
            DAG (Xie et al. 2017, ICCV, section 3.3).
        detecting: the same for `detect`, the network's own.
        nms_iou: the overlap above which the worse of two detections of a class is dropped.
        most: how many detections an image may have.
        least: no detection scores less, as in the published evaluation.
        shorter, longest: see `SHORTER`.
    """

    module: FasterRcnn
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    proposing: Chosen = DENSE
    detecting: Chosen = OWN
    nms_iou: float = 0.3
    most: int = 100
    least: float = 0.05
    shorter: int = SHORTER
    longest: int = LONGEST

    @property
    def two_stage(self) -> bool:
        """Candidates are proposals: they move with the image, and given ones are scored instead."""
        return True

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """Proposals and their scores: the logits of the head's softmax, its own background moved to the end.

        Boxes are proposals as they were scored, before the head refines them. Their coordinates carry no gradient. An
        image with fewer proposals than others of its batch repeats its last one.

        Raises:
            ModelError: no proposal is left for an image.
        """
        prepared = self._prepare(images)
        end = numbers_on(images.device, LAST_PIXEL, images.dtype)
        if boxes is None:
            boxes = as_long(self._propose(prepared, self.proposing), images) / prepared.scale + end
        boxes = boxes.detach().to(images.dtype)
        logits, _ = self.module.regions(prepared.maps, list((boxes - end) * prepared.scale))
        scores = softmax_scores(logits.view(*boxes.shape[:2], logits.shape[1]), self.channels)
        return candidates_of(boxes, scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The network's own detections: NMS of each class among its refined proposals, from `least` on."""
        prepared = self._prepare(images)
        proposals = self._propose(prepared, self.detecting)
        logits, regression = self.module.regions(prepared.maps, proposals)
        check_scores(logits)
        threshold, size = max(score_threshold, self.least), (images.shape[2], images.shape[3])
        found, at = [], 0
        for one in proposals:
            own = slice(at, at + len(one))
            boxes = moved((one / prepared.scale)[:, None], regression[own])
            found.append(self._detected(boxes, logits[own].softmax(dim=1), size, threshold))
            at += len(one)
        return found

    def _detected(self, boxes: Tensor, scores: Tensor, size: tuple[int, int], threshold: float) -> Detections:
        """The detections among `boxes` (N, K, 4) of one image with `scores` (N, K)."""
        boxes = clipped(boxes, *size)
        found = []
        for label in range(1, scores.shape[1]):
            rows = torch.nonzero(scores[:, label] >= threshold)[:, 0]
            rows = rows[kept(boxes[rows, label], scores[rows, label], self.nms_iou)]
            found.append((boxes[rows, label], scores[rows, label], torch.full_like(rows, label)))
        all_boxes, all_scores, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
        best = all_scores.argsort(descending=True, stable=True)[: self.most]
        ended = all_boxes[best] + boxes.new_tensor(LAST_PIXEL)
        return detections_of(ended, all_scores[best], labels[best], threshold, self.channels)

    def _prepare(self, images: Tensor) -> Prepared:
        """`images` through the network, resized as by OpenCV: bilinear, one scale for both sides, sizes rounded."""
        height, width = images.shape[2], images.shape[3]
        scale = self.shorter / min(height, width)
        if round(scale * max(height, width)) > self.longest:
            scale = self.longest / max(height, width)
        size = (round(height * scale), round(width * scale))
        # `interpolate` takes a size or a scale, of which it makes sides that are not rounded.
        resize: Any = torch.ops.aten.upsample_bilinear2d
        resized = resize.default(bgr(images, MEANS), size, False, scale, scale)
        return Prepared(self.module.features(resized), scale, size)

    @torch.no_grad()
    def _propose(self, prepared: Prepared, how: Chosen) -> list[Tensor]:
        """The best proposals of each image, (N, 4) in the network's pixels."""
        odds, regression = self.module.proposals(prepared.maps)
        check_scores(odds)
        every = anchors(prepared.maps.shape[2], prepared.maps.shape[3], prepared.maps)
        boxes = clipped(moved(every, regression), *prepared.size)
        return [choose(one, scores, prepared.scale, how) for one, scores in zip(boxes, odds, strict=True)]


def as_long(proposals: list[Tensor], images: Tensor) -> Tensor:
    """(B, N, 4): `proposals`, each (N, 4), the last one of an image repeated where another has more.

    Raises:
        ModelError: an image of `images` has none.
    """
    counts = [len(one) for one in proposals]
    if min(counts) == 0:
        raise ModelError(
            f"expected at least one proposal per image, got none for {counts.count(0)} of {len(counts)} images of "
            f"{images.shape[2]} x {images.shape[3]}; look for weights that were not loaded, or give a larger --size"
        )
    rows = torch.arange(max(counts), device=images.device)
    return torch.stack([one[rows.clamp(max=len(one) - 1)] for one in proposals])


def adapt_faster_rcnn(
    module: FasterRcnn,
    class_names: ClassNames,
    *,
    device: torch.device | str = "cpu",
    notes: Sequence[str] = (),
    sides: tuple[int, int] = (SHORTER, LONGEST),
) -> CaffeFasterRcnn:
    """The `Detector` of the network, frozen and moved to `device` itself, not copied.

    Args:
        module: the network.
        class_names: the network's own may begin with its background.
        device: where to run.
        notes: put before the adapter's own.
        sides: see `SHORTER`.

    Raises:
        ModelError: the names do not fit.
    """
    freeze(module, torch.device(device))
    named = name_behind_background(module.cls_score.out_features - 1, class_names)
    shorter, longest = sides
    detector = CaffeFasterRcnn(module, named.names, (), named.channels, shorter=shorter, longest=longest)
    how = detector.proposing
    own = (
        f"images are resized inside: shorter side {shorter}, longer one at most {longest}",
        f"candidates: the network's own proposals, NMS at an IoU of {how.nms_iou:g}, the best {how.most}",
        f"detections: as published, from a score of {detector.least:g}, NMS at {detector.nms_iou:g}",
    )
    return replace(detector, notes=(*notes, SOFTMAX_NOTE, *own, *named.notes))
