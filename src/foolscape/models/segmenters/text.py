"""PP-OCR's detectors of text in transformers, as what they are: segmentation of pixels into text and none.

They are saved as detectors, but their boxes are drawn around a map of probabilities by contours, which have no
gradient. A pixel is text here where it is in the mask that the library draws them around.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.models.common.preparation import Preparation, preparation_of
from foolscape.models.common.pretrained import Place, remember
from foolscape.models.common.size_rule import SizeRule
from foolscape.models.segmenters.mask_queries import resized
from foolscape.models.segmenters.transformers import Pretrained

CLASSES: Final = ("background", "text")

THRESHOLD: Final = 0.3
"""The probability from which on a pixel is text, by default in the library's `post_process_object_detection`."""

_LEAST: Final = 1e-7
"""Probabilities are kept this far from 0 and 1, or their log-odds were infinite."""

_LIMITS: Final = {"max": "at_most", "min": "at_least", "resize_long": "longest"}
"""Kinds of limit of a side by the image processor, and here."""


class TextNetwork(nn.Module):
    """A network with a probability of text at every pixel, behind its image processor."""

    def __init__(self, network: nn.Module, prepare: Preparation) -> None:
        super().__init__()
        self.network = network
        self.prepare = prepare

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, 2, H, W): 0, and the log-odds of text less those of `THRESHOLD`."""
        output: Any = self.network(pixel_values=self.prepare(images))
        odds = torch.logit(output.last_hidden_state, eps=_LEAST) - math.log(THRESHOLD / (1 - THRESHOLD))
        return resized(torch.cat([torch.zeros_like(odds), odds], dim=1), (images.shape[2], images.shape[3]))


def build(place: Place, config: Any) -> Pretrained:
    """The network of `place`, of `config`, whose classes become those two; raises as `Place.network`."""
    processor = place.processor()
    config.id2label = dict(enumerate(CLASSES))  # the library names text alone
    network = place.network("AutoModelForObjectDetection", config, "a detector of text")
    remember(network, processor)
    prepare = _preparation(processor)
    notes = (
        *place.notes(config),
        f"images are resized inside to {prepare.rule}",
        f"text: pixels of a probability above {THRESHOLD:g}, as in the library's mask; no boxes are drawn around them",
    )
    return Pretrained(TextNetwork(network, prepare), config, notes)


def _preparation(processor: Any) -> Preparation:
    """What the processor does: the mean and deviation of its settings are taken in their order, then channels turn."""
    rule = SizeRule(None)
    if processor.do_resize:
        sides = {_LIMITS[processor.limit_type]: int(processor.limit_side_len)}
        if processor.max_side_limit is not None:
            sides["cut_to"] = int(processor.max_side_limit)
        rule = SizeRule(sides, nearest=32)
    return replace(preparation_of(processor), rule=rule, bgr=True)
