"""Without labels: what the predictions themselves give away, which accuses nobody.

Each gives `{"seen": sentence, "hints": [sentence, ..]}` of a model on images without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.metrics.box_counts import READABLE
from foolscape.metrics.boxes import Detected, pairwise_iou
from foolscape.pixels import to_unit
from foolscape.records.types import Object
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.run.tasks.video import VideoSubject
from foolscape.seeds import generator_for

SHIFT: Final = 2
"""Pixels by which the image is moved to the right; its left edge is repeated."""

_AGREE, _NEARLY_ALL, _OVERLAP = 80.0, 99.0, 0.5
"""Percent of the targets that should agree, and that one class may take; IoU at which two boxes are the same."""


def _record_of(moved: float, noisy: float, what: str, hints: list[str]) -> Object:
    shifted = f"{moved:.1f} % of the {what} are the same after a shift by {SHIFT} pixels"
    seen = f"{shifted}, {noisy:.1f} % after noise of one level"
    if min(moved, noisy) < _AGREE:
        hints.append("that is little: a network that is fed rightly is steadier")
    return {"seen": seen, "hints": hints}


def of_maps(subject: SegmentationSubject, cases: Sequence[EvalSample[Any, Any]], seed: int) -> Object:
    """Of label maps."""
    same, sure, classes = [], [], np.zeros(len(subject.segmenter.classes))
    for case in cases:
        image, plain = to_unit(case.image), case.prediction
        moved, noisy = (subject.predicted(changed) for changed in _changed(image, seed, case.id))
        same.append([np.mean(moved[:, SHIFT:] == plain[:, :-SHIFT]), np.mean(noisy == plain)])
        with torch.no_grad():
            sure.append(float(subject.segmenter.logits(image.to(subject.device)).float().softmax(1).amax(1).mean()))
        classes += np.bincount(plain.ravel(), minlength=len(classes))[: len(classes)]
    hints = []
    share = 100 * classes.max() / classes.sum()
    if share >= _NEARLY_ALL:
        hints.append(f"{subject.segmenter.classes[int(classes.argmax())]} is predicted at {share:.1f} % of the pixels")
    if np.mean(sure) < 1.5 / len(classes):
        hints.append(f"its mean confidence is {np.mean(sure):.2f}, hardly more than by chance")
    moved_share, noisy_share = 100 * np.mean(same, axis=0)
    return _record_of(moved_share, noisy_share, "pixels", hints)


def of_boxes(subject: DetectionSubject, cases: Sequence[EvalSample[Any, Any]], seed: int) -> Object:
    """Of the boxes with a readable score."""
    again, total = np.zeros(2), 0
    for case in cases:
        plain = _readable(case.prediction)
        total += len(plain.scores)
        moved, noisy = (
            _readable(subject.predicted(changed)) for changed in _changed(to_unit(case.image), seed, case.id)
        )
        back = Detected(moved.boxes - np.array([SHIFT, 0, SHIFT, 0]), moved.scores, moved.labels)
        again += [_found_again(plain, back), _found_again(plain, noisy)]
    if not total:
        return {"seen": f"no box has a score of {READABLE} in any of {len(cases)} images", "hints": []}
    moved_share, noisy_share = 100 * again / total
    return _record_of(moved_share, noisy_share, "boxes", [])


def of_clips(subject: VideoSubject, cases: Sequence[EvalSample[Any, Any]], seed: int) -> Object:
    """Of clips: how much of the objects is left in their last frame."""
    del subject, seed
    shares = [_area(case.prediction.labels[-1]) / max(_area(case.reference.clip.given[0].mask), 1) for case in cases]
    seen = f"the objects have {100 * float(np.mean(shares)):.0f} % of their first area in the last frame"
    return {"seen": seen, "hints": ["they are lost on the way"] if max(shares) < 0.05 else []}


def _changed(image: Tensor, seed: int, name: str) -> tuple[Tensor, Tensor]:
    """`image` (1, 3, H, W) moved to the right, and with each value moved by at most one level."""
    moved = torch.cat([image[..., :1].expand(-1, -1, -1, SHIFT), image[..., :-SHIFT]], dim=3)
    noise = torch.rand(image.shape, generator=generator_for(seed, "wiring", name))
    return moved, (image + (2 * noise - 1) / 255).clamp(0, 1)


def _readable(detections: Detected) -> Detected:
    readable = detections.scores >= READABLE
    return Detected(detections.boxes[readable], detections.scores[readable], detections.labels[readable])


def _found_again(plain: Detected, other: Detected) -> int:
    """How many boxes of `plain` have one of their class in `other`."""
    if not len(plain.scores) or not len(other.scores):
        return 0
    alike = (pairwise_iou(plain.boxes, other.boxes) >= _OVERLAP) & (plain.labels[:, None] == other.labels[None])
    return int(alike.any(axis=1).sum())


def _area(labels: NDArray[np.uint8]) -> int:
    return int((labels > 0).sum())
