"""Average precision by the protocol of PASCAL VOC; `metrics.tasks.detection` has every score of a data set.

All values and intervals come from the matches of each image (`matching`), weighted (`precision`) or by groups
(`matched_images`); those of COCO are to the bit what faster-coco-eval has, to which the tests hold them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foolscape.errors import SampleError
from foolscape.metrics.boxes import Detected, Floats, Ints, Truth
from foolscape.metrics.matching import Matched, match_voc
from foolscape.metrics.precision import Summary, average_precision


def voc_ap(truths: Sequence[Truth], detections: Sequence[Detected], classes: int, summary: Summary) -> Floats:
    """The average precision of every class by the VOC protocol at an IoU of 0.5.

    Everingham et al. 2010, section 4.2, and the devkit's VOCevaldet. We differ in two things: boxes are x2 - x1 wide,
    where the devkit adds a pixel; and a recall of exactly 0.3 reaches the level 0.3, where rounding may keep the
    devkit's 0:0.1:1 from it.

    Args:
        truths: N >= 1, one per image.
        detections: N, in the same order, with scores down to near 0.
        classes: C.
        summary: `precision.eleven_points` (VOC07) or `precision.area_under` (VOC since 2010).

    Returns:
        (C,) percentages 0-100; NaN where the truth has no object of the class that counts.
    """
    matches = [match_voc(truth, detected, classes) for truth, detected in zip(truths, detections, strict=True)]
    ap: Floats = 100.0 * average_precision(matches, _once(matches), summary)[0, 0]
    return ap


def _once(images: Sequence[Matched]) -> Floats:
    return np.ones((1, len(images)))


def check_labels(labels: Ints, classes: int) -> None:
    """Raise `SampleError` unless every label (K,) is the index of one of `classes` classes."""
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise SampleError(
            f"labels of boxes must name a class; expected 0 to {classes - 1}, got {labels.min()} to "
            f"{labels.max()}. Map the labels of the data or the detector to its classes"
        )
