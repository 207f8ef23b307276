"""Contract checks for detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.models.checks.consistency import same_in_company, same_twice
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.user import CheckedDetector, ModuleDetector, adapt_detector, checked
from foolscape.tasks.detection import Candidates, Detections, Detector
from foolscape.tasks.finite import check_finite
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

_LOWEST: Final = 0.01
"""The score threshold of the detections that are looked at."""

_ROUNDING: Final = 1e-3
"""How far scores may be apart, relative to them, and still be the same."""

_APART: Final = 0.5
"""Pixels by which boxes may be apart and still be the same."""

_FEW: Final = 100
"""Proposals of a two-stage detector that are scored again and again; all of them would take long."""


def check_detector(
    model: Detector | nn.Module,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    batch: int = 2,
    device: torch.device | str = "cpu",
    on_check: OnCheck = silent,
) -> ContractReport:
    """Try on random images whether `model` keeps the contract of a `Detector`.

    Shape and dtype of the candidates at every size, distinct class names, finite scores, the same candidates twice,
    images left as they are, a batch that equals its images one by one, boxes in pixels of the image, detections sorted
    and no lower than the threshold, and a right input gradient at batch 1 and at `batch`. A two-stage detector scores
    the same proposals in all of these. Nothing is raised: what goes wrong is a failed check.

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
    detector = sheet.fit(sizes[0], lambda: _adapted(model, sizes[0], device))
    if detector is None:
        return sheet.report
    only = detector.only_size if isinstance(detector, ModuleDetector) else None

    def on_images(check: Callable[[Detector, Tensor], str]) -> Callable[[tuple[int, int]], str]:
        return lambda size: check(detector, colours(batch, size, device))

    named = {"candidates": on_images(_shape), "boxes": on_images(_boxes), "detections": on_images(_detections)}
    sheet.at_sizes(named, sizes, only)
    _at_one_size(sheet, detector, colours(batch, sizes[0], device))
    return sheet.report


def _at_one_size(sheet: Sheet, detector: Detector, images: Tensor) -> None:
    """What does not depend on the size of the images."""
    batch = images.shape[0]
    beside = f"batch of {max(2, batch)} equals one by one"
    sheet.attempt("class names", lambda: _names(detector))
    sheet.attempt("same output twice", lambda: sound(same_twice(Scorer(detector), images)))
    sheet.attempt("images left unchanged", lambda: _unchanged(detector, images))
    sheet.attempt(beside, lambda: sound(same_in_company(_scorer(detector, images), images, batch)))
    first = images[:1]
    sheet.attempt("input gradient at batch 1", lambda: right_gradient(_scorer(detector, first), first))
    if batch > 1:
        name = f"input gradient at batch {batch}"
        sheet.attempt(name, lambda: right_gradient(_scorer(detector, images), images))


def _adapted(model: Detector | nn.Module, size: tuple[int, int], device: torch.device) -> Detector:
    if isinstance(model, ModuleDetector | CheckedDetector):
        return model
    if isinstance(model, Detector):  # asked first: a network may be a detector by itself
        return checked(model, ClassNames(), image_size=size, device=device)
    return adapt_detector(model, ClassNames(), image_size=size, device=device)


def _shape(detector: Detector, images: Tensor) -> str:
    output = _candidates(detector, images)
    batch, count = output.boxes.shape[:2]
    check_finite(output.scores)
    if output.scores.dtype != images.dtype or output.boxes.dtype != images.dtype:
        raise FailedError(f"expected {images.dtype}, got boxes {output.boxes.dtype} and scores {output.scores.dtype}")
    return f"boxes {(batch, count, 4)}, scores {tuple(output.scores.shape)} {str(images.dtype)[6:]}, finite"


def _boxes(detector: Detector, images: Tensor) -> str:
    """Whether the candidates' boxes look like pixels of the images."""
    boxes = _candidates(detector, images).boxes.flatten(0, 1)
    height, width = images.shape[2:]
    turned = int((boxes[:, 2:] < boxes[:, :2]).any(dim=1).sum())
    if turned:
        raise FailedError(
            f"expected x1 <= x2 and y1 <= y2, got {turned} of {len(boxes)} boxes the other way round; are they x1, y1, "
            "x2, y2, or centre and size?"
        )
    largest = float(boxes.abs().max())
    if largest <= 2 and min(height, width) > 8:
        raise FailedError(
            f"expected boxes in pixels of images of {height} x {width}, got no coordinate above {largest:.2g}; "
            "multiply relative ones by width and height"
        )
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    within = ((middle >= 0) & (middle <= boxes.new_tensor([width, height]))).all(dim=1).float().mean()
    if within < 0.5:
        raise FailedError(
            f"expected boxes in pixels of images of {height} x {width}, got {1 - float(within):.0%} with their middle "
            "outside; are they in pixels of a resized image, or x and y swapped?"
        )
    return f"{float(within):.0%} have their middle in the image"


def _detections(detector: Detector, images: Tensor) -> str:
    """Whether detections are sorted, and keep to the threshold."""
    detections = detector.detect(images.clone(), _LOWEST)
    for one in detections:
        _check_sorted(one, _LOWEST)
    scores = torch.cat([one.scores for one in detections])
    if not len(scores):
        return f"none with a score of at least {_LOWEST:g} on random images"
    middle = float(scores.median())
    fewer = detector.detect(images.clone(), middle)
    for one in fewer:
        _check_sorted(one, middle)
    above = middle * (1 + _ROUNDING)
    clear = [_above(one, above) for one in detections]
    lost = sum(_without(*pair) for pair in zip(clear, fewer, strict=True))
    more = sum(_without(_above(one, above), other) for one, other in zip(fewer, detections, strict=True))
    if lost or more:
        raise FailedError(
            f"expected the same detections above a score of {middle:g} at any threshold below, got {lost} of "
            f"{sum(len(one.scores) for one in clear)} that are gone or changed at {middle:g}, and {more} that are not "
            f"among those of {_LOWEST:g}"
        )
    left, wanted = sum(len(one.scores) for one in fewer), int((scores >= middle).sum())
    # One whose score is the threshold itself may fall on either side of it by rounding.
    if left < wanted - 1:
        raise FailedError(
            f"expected a threshold to be the least score, got {left} detections at {middle:g} where there are {wanted} "
            f"such among those of {_LOWEST:g}; return those that are as high as the threshold, too"
        )
    return f"{len(scores)} of at least {_LOWEST:g}, sorted; {left} of at least {middle:.2g}"


def _above(one: Detections, threshold: float) -> Detections:
    chosen = one.scores > threshold
    return Detections(one.boxes[chosen], one.scores[chosen], one.labels[chosen])


def _without(wanted: Detections, others: Detections) -> int:
    """How many of the `wanted` detections have none like them among the `others` ones."""
    if not len(wanted.scores):
        return 0
    same = (wanted.scores[:, None] - others.scores).abs() <= _ROUNDING * wanted.scores[:, None]
    same &= (wanted.boxes[:, None] - others.boxes).abs().amax(dim=2) <= _APART
    same &= wanted.labels[:, None] == others.labels
    return int((~same.any(dim=1)).sum())


def _check_sorted(one: Detections, threshold: float) -> None:
    if bool((one.scores[1:] > one.scores[:-1]).any()):
        raise FailedError("expected the highest score first, got detections in another order")
    if len(one.scores) and float(one.scores.min()) < threshold:
        raise FailedError(f"expected scores of at least {threshold:g}, got {float(one.scores.min()):g}")
    if one.boxes.requires_grad or one.scores.requires_grad:
        raise FailedError("expected detections without gradient; detect under torch.no_grad()")


def _names(detector: Detector) -> str:
    shown = ", ".join(detector.classes[:8])
    return f"{len(detector.classes)}: {shown}{', ...' if len(detector.classes) > 8 else ''}"


def _unchanged(detector: Detector, images: Tensor) -> str:
    handed = images.clone()
    with torch.no_grad():
        detector.candidates(handed)
        detector.detect(handed, _LOWEST)
    if not torch.equal(handed, images):
        raise FailedError("expected the images as they were, got them overwritten; look for in-place operations")
    return "nothing writes into them"


def _scorer(detector: Detector, images: Tensor) -> Scorer:
    """The scores of fixed candidates: for a two-stage detector, of the first proposals for `images`."""
    if not detector.two_stage:
        return Scorer(detector)
    return Scorer(detector, _candidates(detector, images).boxes[:, :_FEW])


@torch.no_grad()
def _candidates(detector: Detector, images: Tensor) -> Candidates:
    return detector.candidates(images.clone())  # a network that writes into them must fail in its own check only
