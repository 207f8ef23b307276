"""`summary.json` of a universal perturbation, computed from run.json and the rows alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from foolscape.attacks.universal import Learning
from foolscape.run.aims import Aim, Hide
from foolscape.run.evaluate import CONDITIONS
from foolscape.run.scoring import SCORING
from foolscape.run.store import FAILED, Record

CONVENTIONS = {
    "hidden": "Hidden: pixels that the clean prediction gives to the hidden class and that the model gives to another "
    "one now; pooled over all pixels, and as the mean over the images that show the class.",
    "preserved": "Preserved: pixels of the other classes on which the prediction is unchanged; pooled, and as the mean "
    "over images with and without the hidden class apart.",
    "success": "Success of a static target: pixels predicted as the target, pooled and as the mean over images.",
    "mIoU": "mIoU: against the labels where there are any, pooled over all images.",
    "permuted": "PERM: the change with its pixels in random order. NOISE: uniform noise of the same eps.",
    "eight_bit": "Every figure is measured on 8-bit images, on the test split alone.",
}


def summarise(record: Record, rows: Sequence[Record], aim: Aim, learning: Learning, training: Record) -> Record:
    """The summary of a finished run.

    Args:
        record: run.json.
        rows: of rows.jsonl, in any order.
        aim: what the model was to see.
        learning: after the last epoch.
        training: of training.json.
    """
    order = {sample["id"]: i for i, sample in enumerate(record["samples"])}
    ordered = sorted(rows, key=lambda row: order[row["id"]])
    failures = [{"id": row["id"], "reason": row["reason"]} for row in ordered if row["condition"] == FAILED]
    judge = _hiding if isinstance(aim, Hide) else _static
    conditions = {}
    for condition in CONDITIONS:
        found = [row for row in ordered if row["condition"] == condition]
        if found:
            scores = SCORING["segmentation"].score(found, record["classes"], record["config"]["seed"], None)
            conditions[condition] = judge([row["universal"] for row in found]) | scores
    return {
        "schema": 1,
        "kind": "universal",
        "model": record["config"]["model"],
        "target": record["config"]["target"],
        "reference": record["reference"],
        "conventions": CONVENTIONS,
        "test": record["test"] | {"measured": len(order) - len(failures)},
        "training": {
            "epochs": learning.epoch,
            "losses": list(learning.losses),
            "images": training["images"],
            "showing": training["showing"],
            "gradient_evaluations": learning.epoch * training["images"],
            "failures": training["failures"],
        },
        "conditions": conditions,
        "failures": failures,
    }


def _hiding(images: Sequence[Record]) -> Record:
    showing = [one for one in images if one["moving"]]
    without = [one for one in images if not one["moving"]]
    return {
        "hidden": _pooled(images, "left_class", "moving"),
        "hidden_per_image": _mean(showing, "left_class", "moving"),
        "preserved": _pooled(images, "stayed", "staying"),
        "preserved_per_image": _mean(showing, "stayed", "staying"),
        "preserved_without": _mean(without, "stayed", "staying"),
        "images_without": len(without),
    }


def _static(images: Sequence[Record]) -> Record:
    return {"success": _pooled(images, "reached", "pixels"), "success_per_image": _mean(images, "reached", "pixels")}


def _pooled(images: Sequence[Record], part: str, whole: str) -> float | None:
    """Percent over all pixels."""
    total = sum(one[whole] for one in images)
    return 100 * sum(one[part] for one in images) / total if total else None


def _mean(images: Sequence[Record], part: str, whole: str) -> float | None:
    """Percent, the mean over images that have such pixels."""
    shares = [one[part] / one[whole] for one in images if one[whole]]
    return 100 * float(np.mean(shares)) if shares else None
