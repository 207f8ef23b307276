"""Segmentation by mask classification: from queries, each a class and a mask, to a score of each class at each pixel.

A pixel's score of class c is the sum over the queries q of p_q(c) m_q: the softmax of the query's class logits without
"no object", times the sigmoid of its mask (Cheng et al. 2021, MaskFormer, section 3.4, semantic inference). Attacks get
its logarithm, whose largest class is the same.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_LEAST: Final = 1e-8
"""Added before the logarithm: what a class has that no query stands for."""


def class_scores(classes: Tensor, masks: Tensor) -> Tensor:
    """(B, C, H, W) scores >= 0 of class logits (B, Q, C + 1), "no object" last, and mask logits (B, Q, H, W)."""
    return torch.einsum("bqc,bqhw->bchw", classes.softmax(dim=-1)[..., :-1], masks.sigmoid())


def as_logits(scores: Tensor) -> Tensor:
    """The logarithm of scores >= 0, finite."""
    return (scores + _LEAST).log()


def resized(scores: Tensor, size: tuple[int, int], *, antialias: bool = False) -> Tensor:
    """`scores` (B, C, H, W) at `size`, bilinearly."""
    if scores.shape[2:] == size:
        return scores
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False, antialias=antialias)
