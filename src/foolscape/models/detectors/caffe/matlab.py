"""Faster R-CNN as its MATLAB release (ShaoqingRen/faster_rcnn) counts: two networks, and boxes in pixels of the image.

Its boxes begin at 1; here they begin at 0, and name their last pixel, as those of `proposals` do. The anchors are the
same then. What differs from py-faster-rcnn is said at `MatlabFasterRcnn`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.models.common.class_map import ClassNames, name_behind_background
from foolscape.models.common.freezing import freeze
from foolscape.models.detectors.caffe.adapter import DENSE, LAST_PIXEL, LONGEST, OWN, SHORTER, as_long
from foolscape.models.detectors.caffe.network import TwoNetworks
from foolscape.models.detectors.caffe.proposals import Chosen, anchors, choose, clipped, kept
from foolscape.models.detectors.common import SOFTMAX_NOTE, candidates_of, check_scores, detections_of, softmax_scores
from foolscape.sending import numbers_on
from foolscape.tasks.detection import Candidates, Detections


class Prepared(NamedTuple):
    """A batch as the networks see it.

    Attributes:
        images: (B, 3, h, w) BGR in grey levels less the mean.
        maps: those of the network of regions.
        scale: its pixels per pixel given, of both sides, before they are rounded.
        given: (height, width) of the images given.
    """

    images: Tensor
    maps: Tensor
    scale: float
    given: tuple[int, int]


@dataclass(frozen=True)
class MatlabFasterRcnn:
    """The MATLAB release's Faster R-CNN. Made by `adapt_matlab`.

    Unlike py-faster-rcnn's: the mean is another, and may be an image; sides and regions are rounded half up, regions to
    whole pixels of the resized image; a regression of 0 leaves a box as it is; proposals are chosen in pixels of the
    image given, to which they are scaled by the ratio of the last pixels; a class has at most `most` detections before
    NMS, and none is too unsure. Left out is the release's cut over a whole data set, to 40 per class and image on
    average.

    Attributes:
        module: the networks, in eval mode, their parameters frozen.
        classes, notes: as of a `Detector`.
        channels: the networks' label of each class; 0 is their background.
        proposing, detecting, nms_iou, shorter, longest: as of `CaffeFasterRcnn`.
        most: how many boxes of a class go into NMS.
    """

    module: TwoNetworks
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    proposing: Chosen = DENSE
    detecting: Chosen = OWN
    nms_iou: float = 0.3
    most: int = 100
    shorter: int = SHORTER
    longest: int = LONGEST

    @property
    def two_stage(self) -> bool:
        """Candidates are proposals: they move with the image, and given ones are scored instead."""
        return True

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """Proposals and their scores; see `CaffeFasterRcnn.candidates`."""
        prepared = self._prepare(images)
        end = numbers_on(images.device, LAST_PIXEL, images.dtype)
        if boxes is None:
            boxes = as_long(self._propose(prepared, self.proposing), images) + end
        boxes = boxes.detach().to(images.dtype)
        logits, _ = self.module.detecting.regions(prepared.maps, list(regions(boxes - end, prepared.scale)))
        scores = softmax_scores(logits.view(*boxes.shape[:2], logits.shape[1]), self.channels)
        return candidates_of(boxes, scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The networks' own detections: NMS of each class among the best of its refined proposals."""
        prepared = self._prepare(images)
        proposals = self._propose(prepared, self.detecting)
        rois = [regions(one, prepared.scale) for one in proposals]
        logits, regression = self.module.detecting.regions(prepared.maps, rois)
        check_scores(logits)
        counts = [len(one) for one in proposals]
        parts = zip(proposals, torch.split(logits, counts), torch.split(regression, counts), strict=True)
        return [
            self._detected(clipped(moved(boxes[:, None], by), *prepared.given), scores.softmax(dim=1), score_threshold)
            for boxes, scores, by in parts
        ]

    def _detected(self, boxes: Tensor, scores: Tensor, threshold: float) -> Detections:
        """The detections among `boxes` (N, K, 4) of one image with `scores` (N, K)."""
        found = []
        for label in range(1, scores.shape[1]):
            rows = scores[:, label].argsort(descending=True, stable=True)[: self.most]
            rows = rows[scores[rows, label] >= threshold]
            rows = rows[kept(boxes[rows, label], scores[rows, label], self.nms_iou)]
            found.append((boxes[rows, label], scores[rows, label], torch.full_like(rows, label)))
        all_boxes, all_scores, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
        best = all_scores.argsort(descending=True, stable=True)
        ended = all_boxes[best] + boxes.new_tensor(LAST_PIXEL)
        return detections_of(ended, all_scores[best], labels[best], threshold, self.channels)

    def _prepare(self, images: Tensor) -> Prepared:
        """`images` less the mean, then resized, bilinear and not smoothed, and through the network of regions."""
        height, width = images.shape[2], images.shape[3]
        scale = self.shorter / min(height, width)
        if half_up(scale * max(height, width)) > self.longest:
            scale = self.longest / max(height, width)
        levels = images * 255 - _resized(self.module.mean.to(images), (height, width))
        inside = _resized(levels.flip(1), (half_up(height * scale), half_up(width * scale)))
        return Prepared(inside, self.module.detecting.features(inside), scale, (height, width))

    @torch.no_grad()
    def _propose(self, prepared: Prepared, how: Chosen) -> list[Tensor]:
        """The best proposals of each image, (N, 4) in pixels of the images given."""
        proposing = self.module.proposing
        maps = prepared.maps if self.module.shared else proposing.features(prepared.images)
        odds, regression = proposing.proposals(maps)
        check_scores(odds)
        (height, width), inside = prepared.given, prepared.images.shape[2:]
        sides = (width - 1) / max(inside[1] - 1, 1), (height - 1) / max(inside[0] - 1, 1)
        ratio = numbers_on(maps.device, sides * 2, maps.dtype)
        boxes = moved(anchors(maps.shape[2], maps.shape[3], maps), regression) * ratio
        boxes = clipped(boxes, height, width)
        return [choose(one, scores, 1.0, how) for one, scores in zip(boxes, odds, strict=True)]


def half_up(value: float) -> int:
    """`value`, at least 0, rounded as MATLAB does: a half becomes the greater number."""
    return math.floor(value + 0.5)


def regions(boxes: Tensor, scale: float) -> Tensor:
    """`boxes` (.., 4) of the image given in whole pixels of the resized one."""
    return (boxes * scale + 0.5).floor()


def moved(boxes: Tensor, regression: Tensor) -> Tensor:
    """(N, .., 4) `boxes` (broadcast) moved by `regression`, about the middle of their first and last pixel."""
    sides = boxes[..., 2:] - boxes[..., :2] + 1
    middles = boxes[..., :2] + (sides - 1) / 2 + regression[..., :2] * sides
    halves = (sides * regression[..., 2:].exp() - 1) / 2
    return torch.cat([middles - halves, middles + halves], dim=-1)


def adapt_matlab(
    module: TwoNetworks,
    class_names: ClassNames,
    *,
    device: torch.device | str = "cpu",
    notes: Sequence[str] = (),
    sides: tuple[int, int] = (SHORTER, LONGEST),
) -> MatlabFasterRcnn:
    """The `Detector` of the networks, frozen and moved to `device` themselves; see `adapt_faster_rcnn`."""
    freeze(module, torch.device(device))
    named = name_behind_background(module.detecting.cls_score.out_features - 1, class_names)
    shorter, longest = sides
    detector = MatlabFasterRcnn(module, named.names, (), named.channels, shorter=shorter, longest=longest)
    how, mean = detector.proposing, tuple(module.mean.shape[2:])
    own = (
        "two networks, as in the MATLAB release" + ("" if module.shared else ", whose trunks differ"),
        *(() if mean == (1, 1) else (f"a mean image of {mean[0]} x {mean[1]} is taken from images",)),
        f"images are resized inside: shorter side {shorter}, longer one at most {longest}",
        f"candidates: the networks' own proposals, NMS at an IoU of {how.nms_iou:g}, the best {how.most}",
        f"detections: as published, {detector.most} of a class go into NMS at {detector.nms_iou:g}",
    )
    return replace(detector, notes=(*notes, SOFTMAX_NOTE, *own, *named.notes))


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)
