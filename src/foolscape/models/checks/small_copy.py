"""The same problem, smaller: a network on images of about 96 x 128, where differences in float64 cost little."""

from __future__ import annotations

import copy
import dataclasses
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.models.common.compiled import is_compiled
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.ultralytics import YoloDetector
from foolscape.models.segmenters.ultralytics import Semantic
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.tasks.segmentation import Segmenter

_PIXELS: Final = 96 * 128
_SIDE: Final = 32  # sides are multiples of it, and at least twice as long


def small_copy(segmenter: Segmenter, images: Tensor) -> tuple[Segmenter, Tensor] | None:
    """`segmenter` and `images` ((B, 3, H, W)) made smaller; None where that is no gain or not possible.

    Boxes of a two-stage detector and the clip of a tracker shrink with the images. Whether the network takes the size
    is not tried.
    """
    height, width = images.shape[2:]
    factor = (_PIXELS / (height * width)) ** 0.5
    size = tuple(max(2, round(side * factor / _SIDE)) * _SIDE for side in (height, width))
    if 2 * size[0] * size[1] > height * width or is_compiled(segmenter):
        return None
    if isinstance(segmenter, ClipScorer):
        mask = functional.interpolate(segmenter.mask[None, None].double(), size=size, mode="nearest-exact")[0, 0].long()
        if not torch.equal(torch.unique(mask), torch.unique(segmenter.mask)):  # an object too small to be seen there
            return None
        segmenter = dataclasses.replace(segmenter, later=_shrunk(segmenter.later, size), mask=mask)
    elif isinstance(segmenter, Scorer) and segmenter.boxes is not None:
        scale = segmenter.boxes.new_tensor([size[1] / width, size[0] / height] * 2)
        segmenter = dataclasses.replace(segmenter, boxes=segmenter.boxes * scale)
    elif isinstance(segmenter, Scorer) and isinstance(segmenter.detector, YoloDetector):
        letterbox = segmenter.detector.letterbox.smaller(factor)  # else the image would be enlarged again
        segmenter = dataclasses.replace(
            segmenter, detector=dataclasses.replace(segmenter.detector, letterbox=letterbox)
        )
    elif isinstance(segmenter, ModuleSegmenter) and isinstance(segmenter.module, Semantic):
        module = copy.copy(segmenter.module)  # shares its layers
        module.letterbox = module.letterbox.smaller(factor)
        segmenter = dataclasses.replace(segmenter, module=module)
    return segmenter, _shrunk(images, size)


def _shrunk(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(images, size=size, mode="area")
