"""Boxes of Faster R-CNN as rbgirshick/py-faster-rcnn counts them: anchors, regression, clipping, NMS.

Its boxes name their first and last pixel, so that a box is x2 - x1 + 1 wide. So does everything here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from foolscape.sending import numbers_on

STRIDE: Final = 16
"""Pixels of the network's image per cell of its last map."""

_RATIOS: Final = (0.5, 1.0, 2.0)
_SCALES: Final = (8, 16, 32)

ANCHORS_PER_CELL: Final = len(_RATIOS) * len(_SCALES)


@dataclass(frozen=True)
class Chosen:
    """How proposals are chosen.

    Attributes:
        nms_iou: the overlap above which the worse of two is dropped.
        before: how many of the best go into NMS.
        most: how many are kept.
        smallest: the least side in pixels of the image given.
    """

    nms_iou: float = 0.7
    before: int = 6000
    most: int = 300
    smallest: int = 16


def base_anchors() -> Tensor:
    """(9, 4) of the cell at the origin: three shapes, sides rounded, each in three sizes, around the cell's middle.

    Ratios (height over width) come first, as the channels of the published networks do.
    """
    middle = (STRIDE - 1) / 2
    boxes = []
    for ratio in _RATIOS:
        width = round((STRIDE * STRIDE / ratio) ** 0.5)
        height = round(width * ratio)  # half to even, as numpy rounds
        for scale in _SCALES:
            x, y = (width * scale - 1) / 2, (height * scale - 1) / 2
            boxes.append([middle - x, middle - y, middle + x, middle + y])
    return torch.tensor(boxes)


def anchors(height: int, width: int, like: Tensor) -> Tensor:
    """(height * width * 9, 4): those of all cells of a map, row by row, in the dtype and on the device of `like`."""
    y, x = torch.meshgrid(torch.arange(height) * STRIDE, torch.arange(width) * STRIDE, indexing="ij")
    shifts = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
    return (base_anchors() + shifts).reshape(-1, 4).to(like)


def moved(boxes: Tensor, regression: Tensor) -> Tensor:
    """(N, .., 4) `boxes` (broadcast) moved by `regression` (dx, dy, log of the change in width and height)."""
    sides = boxes[..., 2:] - boxes[..., :2] + 1
    middles = boxes[..., :2] + sides / 2 + regression[..., :2] * sides
    halves = sides * regression[..., 2:].exp() / 2
    return torch.cat([middles - halves, middles + halves], dim=-1)


def clipped(boxes: Tensor, height: int, width: int) -> Tensor:
    """`boxes` (.., 4) inside an image of so many pixels."""
    last = numbers_on(boxes.device, (width - 1, height - 1) * 2, boxes.dtype)
    return torch.minimum(boxes, last).clamp(min=0)


def kept(boxes: Tensor, scores: Tensor, iou: float) -> Tensor:
    """Rows of `boxes` (N, 4) that are left by NMS, the best first."""
    from torchvision.ops import nms

    ended = boxes.float() + boxes.new_tensor([0, 0, 1, 1]).float()  # so that its areas count first and last pixel
    return torch.as_tensor(nms(ended, scores.float(), iou))


def choose(boxes: Tensor, scores: Tensor, scale: float, how: Chosen) -> Tensor:
    """(at most `how.most`, 4): the best proposals of one image among `boxes` (N, 4), in the network's pixels.

    Args:
        boxes: clipped.
        scores: (N,) any that rise with the chance of an object.
        scale: pixels of the network's image per pixel of the image given.
        how: see `Chosen`.
    """
    large = (boxes[:, 2:] - boxes[:, :2] + 1 >= how.smallest * scale).all(dim=1)
    boxes, scores = boxes[large], scores[large]
    order = scores.argsort(descending=True, stable=True)[: how.before]
    boxes, scores = boxes[order], scores[order]
    return boxes[kept(boxes, scores, how.nms_iou)[: how.most]]
