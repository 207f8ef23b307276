"""Detection scores of a whole data set: COCO's AP and the two mAPs of PASCAL VOC, with intervals.

The point values of COCO's AP come from faster-coco-eval; the VOC values and all intervals from the matches of each
image (`matching`), weighted (`precision`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from foolscape.errors import SampleError
from foolscape.metrics.box_counts import CONVENTIONS as _BOX_CONVENTIONS
from foolscape.metrics.boxes import Floats, Found, Ints, Truth
from foolscape.metrics.coco_ap import coco_ap
from foolscape.metrics.intervals import LEAST, SHOWN, Interval, around, convention, left_out
from foolscape.metrics.matching import Matched, match_coco, match_voc
from foolscape.metrics.precision import Summary, area_under, average_precision, eleven_points, hundred_one_points

CONVENTIONS: Final[dict[str, str]] = {
    "AP": "AP: COCO's average precision, 101 recall points, mean over IoU 0.50, 0.55 .. 0.95 and over the classes in "
    "the truth; 100 detections per class and image; crowds and difficult objects are left out.",
    "AP50": "AP50: as AP, at an IoU of 0.50 alone.",
    "AP75": "AP75: as AP, at an IoU of 0.75 alone.",
    "mAP_voc07": "mAP VOC07: 11-point average precision at an IoU of 0.5, mean over the classes in the truth; "
    "difficult objects and crowds are left out; boxes are x2 - x1 wide, without the devkit's + 1.",
    "mAP_voc": "mAP VOC: as mAP VOC07, but the area under the whole curve, as VOC has it since 2010.",
    "AP_scores": "Average precisions are measured on all detections down to a score near 0; pictures and box counts "
    "show those above a readable score.",
    "per_class": "AP50 of a class; not defined where the truth never has it.",
    "ci95": convention(f"below {LEAST} images, and for a class that fewer than {SHOWN} of them show"),
    **_BOX_CONVENTIONS,
}
"""One sentence per score of a detection summary, under the score's key."""

_AP50, _AP75 = 0, 5
"""Where the IoU thresholds 0.50 and 0.75 stand among COCO's ten."""


def voc_ap(truths: Sequence[Truth], founds: Sequence[Found], classes: int, summary: Summary) -> Floats:
    """The average precision of every class by the VOC protocol at an IoU of 0.5.

    Everingham et al. 2010, section 4.2, and the devkit's VOCevaldet. We differ in two things: boxes are x2 - x1 wide,
    where the devkit adds a pixel; and a recall of exactly 0.3 reaches the level 0.3, where rounding may keep the
    devkit's 0:0.1:1 from it.

    Args:
        truths: N >= 1, one per image.
        founds: N, in the same order, with scores down to near 0.
        classes: C.
        summary: `precision.eleven_points` (VOC07) or `precision.area_under` (VOC since 2010).

    Returns:
        (C,) percentages 0-100; NaN where the truth has no object of the class that counts.
    """
    matches = [match_voc(truth, found, classes) for truth, found in zip(truths, founds, strict=True)]
    ap: Floats = 100.0 * average_precision(matches, _once(matches), summary)[0, 0]
    return ap


def score_detection(
    truths: Sequence[Truth], founds: Sequence[Found], classes: Sequence[str], seed: int
) -> dict[str, Any]:
    """The scores of a condition as `summary.json` holds them; percentages 0-100, None where not defined.

    Detections with a box that is not finite count as false positives.

    Args:
        truths: N >= 1, one per image.
        founds: N, in the same order, with scores down to near 0.
        classes: the names of the C classes.
        seed: of the intervals.

    Returns:
        `{"AP", "AP50", "AP75", "mAP_voc07", "mAP_voc", "per_class": {name: AP50}, "ci95": {..}}`, the last with the
        same keys and [low, high] for each number.

    Raises:
        SampleError: a label is not the index of a class.
    """
    count = len(classes)
    for labels in [*(truth.labels for truth in truths), *(found.labels for found in founds)]:
        _check_labels(labels, count)
    coco = [match_coco(truth, found, count) for truth, found in zip(truths, founds, strict=True)]
    voc = [match_voc(truth, found, count) for truth, found in zip(truths, founds, strict=True)]
    weights = left_out(len(truths), seed)
    points = _scalars(coco_ap(truths, founds, count)[None], *_voc_pair(voc, _once(voc)))
    without = _scalars(
        100.0 * average_precision(coco, weights, hundred_one_points),
        *_voc_pair(voc, weights),
    )
    shown = np.sum([match.truths > 0 for match in coco], axis=0)
    ends = {
        name: np.stack(_interval(name, points[name][0], values, len(truths), shown)) for name, values in without.items()
    }
    return {
        **{name: _number(points[name][0]) for name in points if name != "per_class"},
        "per_class": dict(zip(classes, map(_number, points["per_class"][0]), strict=True)),
        "ci95": {
            **{name: _numbers(ends[name]) for name in ends if name != "per_class"},
            "per_class": dict(zip(classes, map(_numbers, ends["per_class"].T), strict=True)),
        },
    }


def _interval(name: str, point: Floats, without: Floats, images: int, shown: Ints) -> Interval:
    if name == "per_class":
        return around(point, without, shown, SHOWN)
    return around(point, without, images)


def weighted_ap50(truths: Sequence[Truth], founds: Sequence[Found], classes: int) -> Callable[[Floats], Floats]:
    """COCO's AP50 of N images as a function of their weights (R, N) -> (R,), percentages 0-100; NaN where undefined.

    Args:
        truths: N >= 1, one per image.
        founds: N, in the same order, with scores down to near 0.
        classes: C.
    """
    matches = [match_coco(truth, found, classes) for truth, found in zip(truths, founds, strict=True)]
    halves = [replace(match, outcome=match.outcome[_AP50 : _AP50 + 1]) for match in matches]

    def score(weights: Floats) -> Floats:
        return _mean(100.0 * average_precision(halves, weights, hundred_one_points)[:, 0])

    return score


def _voc_pair(matches: Sequence[Matched], weights: Floats) -> tuple[Floats, Floats]:
    """(R, C) percentages by 11 points and by area."""
    return (
        100.0 * average_precision(matches, weights, eleven_points)[:, 0],
        100.0 * average_precision(matches, weights, area_under)[:, 0],
    )


def _scalars(coco: Floats, voc07: Floats, voc: Floats) -> dict[str, Floats]:
    """The scores of R resamples from COCO's (R, 10, C) and VOC's (R, C): (R,) each, and (R, C) per class."""
    return {
        "AP": _mean(coco.mean(axis=1)),
        "AP50": _mean(coco[:, _AP50]),
        "AP75": _mean(coco[:, _AP75]),
        "mAP_voc07": _mean(voc07),
        "mAP_voc": _mean(voc),
        "per_class": coco[:, _AP50],
    }


def _mean(per_class: Floats) -> Floats:
    """(R, C) -> (R,): the mean over the classes that are defined, NaN without any."""
    known = np.isfinite(per_class)
    defined = known.sum(axis=1)
    mean: Floats = np.divide(
        np.where(known, per_class, 0.0).sum(axis=1), defined, out=np.full(len(defined), np.nan), where=defined > 0
    )
    return mean


def _once(images: Sequence[Matched]) -> Floats:
    return np.ones((1, len(images)))


def _check_labels(labels: Ints, classes: int) -> None:
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise SampleError(
            f"labels of boxes must name a class; expected 0 to {classes - 1}, got {labels.min()} to "
            f"{labels.max()}. Map the labels of the data or the detector to its classes"
        )


def _number(value: np.float64) -> float | None:
    """A JSON number; NaN, where nothing was counted, becomes null."""
    return None if np.isnan(value) else float(value)


def _numbers(values: Floats) -> list[float | None]:
    return [_number(value) for value in values]
