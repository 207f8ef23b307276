"""COCO's average precision by faster-coco-eval, the compiled twin of pycocotools: the witness of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from foolscape.metrics.boxes import LARGEST_AREA, Bools, Detected, Floats, Truth, everywhere, tidy
from foolscape.metrics.matching import COCO_DETECTIONS, COCO_IOUS


def coco_ap(truths: Sequence[Truth], detections: Sequence[Detected], classes: int) -> Floats:
    """The average precision of every class at COCO's ten thresholds of IoU.

    Crowds are COCO's iscrowd. Difficult objects, which COCO does not know, are left out as COCO leaves out objects
    outside the area range: a detection that matches one is neither right nor wrong.

    Args:
        truths: N, one per image.
        detections: N, in the same order, with scores down to near 0.
        classes: C.

    Returns:
        (10, C) percentages 0-100; NaN where no image holds an object of the class.
    """
    categories = [{"id": label, "name": str(label)} for label in range(classes)]
    truth = COCO(
        {
            "info": {},
            "images": [{"id": image} for image in range(len(truths))],
            "categories": categories,
            "annotations": _annotations(truths, detections),
        },
        print_function=_silent,
    )
    evaluation = COCOeval_faster(truth, truth.loadRes(_results(detections)), "bbox", print_function=_silent)
    evaluation.params.iouThrs = COCO_IOUS
    evaluation.params.maxDets = [COCO_DETECTIONS]
    evaluation.params.areaRng = [[0, LARGEST_AREA]]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    # (IoU, recall, class, area, detections); -1 throughout for a class without objects.
    precision = np.asarray(evaluation.eval["precision"], dtype=np.float64)[:, :, :, 0, 0]
    return np.where(precision[:, 0] < 0, np.nan, 100.0 * precision.mean(axis=1))


def _annotations(truths: Sequence[Truth], detections: Sequence[Detected]) -> list[dict[str, Any]]:
    # An id of 0 would read as "not matched"; the range below starts at 1.
    flat = [
        (image, truth, k)
        for image, (truth, detected) in enumerate(zip(truths, detections, strict=True))
        for k in np.flatnonzero(_matters(truth, detected)).tolist()
    ]
    return [
        {
            "id": number,
            "image_id": image,
            "category_id": int(truth.labels[k]),
            "bbox": _xywh(truth.boxes[k]),
            "area": 2 * LARGEST_AREA if truth.difficult[k] else float(truth.area[k]),
            "iscrowd": int(truth.crowd[k]),
        }
        for number, (image, truth, k) in enumerate(flat, start=1)
    ]


def _matters(truth: Truth, detected: Detected) -> Bools:
    """(K,): all but crowds without an end that no detection is of, as there may be one of every class."""
    return ~everywhere(truth) | np.isin(truth.labels, detected.labels)


def _results(detections: Sequence[Detected]) -> list[dict[str, Any]]:
    return [
        {"image_id": image, "category_id": int(label), "bbox": _xywh(box), "score": float(score)}
        for image, detected in enumerate(map(tidy, detections))
        for box, score, label in zip(detected.boxes, detected.scores, detected.labels, strict=True)
    ]


def _xywh(box: Floats) -> list[float]:
    x1, y1, x2, y2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _silent(*_: object) -> None:
    """The evaluator's remarks on its progress go nowhere."""
