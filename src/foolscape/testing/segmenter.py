"""Contract checks for segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.models.blackbox.models import BlackBoxSegmenter
from foolscape.models.checks.consistency import same_in_company, same_twice
from foolscape.models.common.output import check_scores
from foolscape.models.segmenters.adapter import (
    CheckedSegmenter,
    ModuleSegmenter,
    adapt_segmenter,
    check_finite,
    checked,
    name_classes,
)
from foolscape.models.segmenters.windows import WindowedSegmenter
from foolscape.tasks.segmentation import Segmenter
from foolscape.testing.verdicts import (
    SIZES,
    ContractReport,
    FailedError,
    OnCheck,
    Sheet,
    colours,
    right_gradient,
    silent,
    sound,
)

_BLIND: Final = 0.015
"""How far scores of quite different images are apart where a network hardly sees them; in sound ones twice as far."""

_SEEING: Final = 0.15
"""How far they are apart at least where it does."""


def check_segmenter(
    model: Segmenter | nn.Module,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    batch: int = 2,
    device: torch.device | str = "cpu",
    on_check: OnCheck = silent,
) -> ContractReport:
    """Try on random images whether `model` keeps the contract of a `Segmenter`.

    Shape and dtype at every size, distinct class names, finite scores, the same scores twice, images left as they are,
    a batch that equals its images one by one, a right input gradient at batch 1 and at `batch`, and a hint on whether
    it takes RGB in [0, 1]. Nothing is raised: what goes wrong is a failed check.

    Args:
        model: a network is adapted for the first of the sizes, as a run does; it is put into eval mode, frozen and
            moved to `device`, itself, not a copy.
        sizes: (H, W) of the images to try.
        batch: the batch size of the run.
        device: where to run.
        on_check: called for every check when it begins and when its outcome is known.
    """
    device = torch.device(device)
    sheet = Sheet(on_check)
    segmenter = sheet.fit(sizes[0], lambda: _adapted(model, sizes[0], device))
    if segmenter is None:
        return sheet.report
    only = segmenter.only_size if isinstance(segmenter, ModuleSegmenter | BlackBoxSegmenter) else None
    images = colours(batch, sizes[0], device)
    answered = cache(lambda: _answer_of(segmenter, images))  # one answer serves most of the checks

    def shape(size: tuple[int, int]) -> str:
        if size == sizes[0]:
            return _shape(segmenter, images, answered().scores)
        others = colours(batch, size, device)
        return _shape(segmenter, others, _scores(segmenter, others))

    sheet.at_sizes({"shape": shape}, sizes, only)
    beside = f"batch of {max(2, batch)} equals one by one"
    sheet.attempt("class names", lambda: _names(segmenter))
    sheet.attempt("same output twice", lambda: sound(same_twice(segmenter, images, (answered().scores,))))
    sheet.attempt("images left unchanged", lambda: _unchanged(answered(), images))
    sheet.attempt(beside, lambda: sound(same_in_company(segmenter, images, batch)))
    sheet.attempt("input gradient at batch 1", lambda: right_gradient(segmenter, images[:1]))
    if batch > 1:
        sheet.attempt(f"input gradient at batch {batch}", lambda: right_gradient(segmenter, images))
    sheet.attempt("range of the input", lambda: _range(segmenter, images[:1], answered().scores[:1]), hint=True)
    return sheet.report


def _adapted(model: Segmenter | nn.Module, size: tuple[int, int], device: torch.device) -> Segmenter:
    if isinstance(model, WindowedSegmenter | BlackBoxSegmenter):
        return model
    if isinstance(model, ModuleSegmenter | CheckedSegmenter):
        return name_classes(model, None)
    if isinstance(model, Segmenter):
        return name_classes(checked(model, image_size=size, device=device), None)
    return name_classes(adapt_segmenter(model, image_size=size, device=device), None)


@dataclass(frozen=True)
class _SegmenterAnswer:
    """The scores of a batch, and the images as they are after the call."""

    scores: Tensor
    images: Tensor


@torch.no_grad()
def _answer_of(segmenter: Segmenter, images: Tensor) -> _SegmenterAnswer:
    handed = images.clone()
    return _SegmenterAnswer(segmenter.logits(handed), handed)


def _shape(segmenter: Segmenter, images: Tensor, scores: Tensor) -> str:
    check_scores(scores, images, len(segmenter.classes))
    check_finite(scores)
    if scores.dtype != images.dtype:
        raise FailedError(f"expected {images.dtype}, got {scores.dtype}")
    return f"{tuple(scores.shape)} {str(scores.dtype).removeprefix('torch.')}, finite"


def _names(segmenter: Segmenter) -> str:
    return (
        f"{len(segmenter.classes)}: {', '.join(segmenter.classes[:8])}{', ...' if len(segmenter.classes) > 8 else ''}"
    )


def _unchanged(answer: _SegmenterAnswer, images: Tensor) -> str:
    if not torch.equal(answer.images, images):
        raise FailedError("expected the images as they were, got them overwritten; look for in-place operations")
    return "nothing writes into them"


def _range(segmenter: Segmenter, image: Tensor, scores: Tensor) -> str:
    """Which input range the network seems to expect, from how much its scores differ between black, white and colours.

    Its confidence would not show that: it grows with the scale of the input for any network.
    """
    if isinstance(segmenter, BlackBoxSegmenter):
        return "not tried: a black box takes 8-bit images"
    black, white = torch.zeros_like(image), torch.ones_like(image)
    small = _apart(_scores(segmenter, black), _scores(segmenter, white), scores)
    large = _apart(*(_scores(segmenter, 255 * one) for one in (black, white, image)))
    if not small < float("inf"):
        return "a black or a white image gives NaN or infinite scores: such an image would be a failure of the run"
    text = f"scores of black, white and colours differ by {small:.1%} of their size in [0, 1], {large:.1%} in [0, 255]"
    if small < _BLIND and large > _SEEING:
        return f"{text}: does the network expect [0, 255]? Then multiply by 255 in its forward"
    return f"{text}: nothing speaks against [0, 1]"


def _apart(*answers: Tensor) -> float:
    """How far the scores of a black, a white and a given image are from their mean, relative to what is in them."""
    scores = torch.cat(answers).double()
    scores = scores - scores.mean(dim=1, keepdim=True)
    return float((scores - scores.mean(dim=0)).norm() / scores.norm().clamp_min(1e-30))


@torch.no_grad()
def _scores(segmenter: Segmenter, images: Tensor) -> Tensor:
    return segmenter.logits(images.clone())  # a network that writes into them must fail in its own check only
