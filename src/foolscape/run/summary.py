"""`summary.json`, computed from run.json and the rows alone: no model, no images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics import CONVENTIONS
from foolscape.metrics.bootstrap import interval
from foolscape.metrics.segmentation import Counts, iou_per_class, mean_iou, pixel_accuracy, stack, total
from foolscape.run.evaluate import ADVERSARIAL, CLEAN, CONDITIONS, FOOLED
from foolscape.run.store import FAILED, Record

OWN_CONVENTIONS = {
    "success_rate": f"Success: share of images with at least {1 - FOOLED:.0%} of the labelled pixels wrong at 8 bits.",
    "claimed_rate": "Claimed: share of images on which the attack reached its own stopping rule, before rounding.",
    "permuted": "PERM: the attack's change with its pixels in random order.",
    "noise": "NOISE: uniform noise of the same eps where the attack is bounded in Linf, else of the same L2.",
    "eight_bit": "Every figure is measured on 8-bit images, read back from the files.",
}


def summarise(record: Record, rows: Sequence[Record]) -> Record:
    """The summary of a finished run.

    Args:
        record: run.json.
        rows: of rows.jsonl, in any order; they are put into the order of the run's samples first, so that a resumed
            run sums up to the same bytes.
    """
    order = {sample["id"]: i for i, sample in enumerate(record["samples"])}
    ordered = sorted(rows, key=lambda row: order[row["id"]])
    failures = [
        {"id": row["id"], "model": row["model"], "reason": row["reason"]}
        for row in ordered
        if row["condition"] == FAILED
    ]
    models = [_model(model, record, [r for r in ordered if r["model"] == model["model"]]) for model in record["models"]]
    return {
        "schema": 1,
        "task": record["task"],
        "reference": record["reference"],
        "conventions": {**CONVENTIONS, **OWN_CONVENTIONS},
        "data": record["data"],
        "attack": record["attack"],
        "models": models,
        "failures": failures,
    }


def _model(model: Record, record: Record, rows: Sequence[Record]) -> Record:
    classes: list[str] = model["classes"]
    by_condition = {c: [row for row in rows if row["condition"] == c] for c in CONDITIONS}
    attacked = by_condition[ADVERSARIAL]
    conditions = {
        condition: _scores([row["counts"] for row in found], classes, record["seed"])
        for condition, found in by_condition.items()
        if found
    }
    if attacked:
        conditions["adversarial_float"] = _scores([row["float_counts"] for row in attacked], classes, record["seed"])
    summary: Record = {
        "model": model["model"],
        "slug": model["slug"],
        "notes": model["notes"],
        "samples": len(by_condition[CLEAN]),
        "conditions": conditions,
    }
    return summary | (_attack(attacked) if attacked else {})


def _attack(rows: Sequence[Record]) -> Record:
    """What the attack did and cost, as means over images."""
    iterations = [row["attack"]["iterations"] for row in rows]
    return {
        "distortion": {key: _mean([row["distortion"][key] for row in rows]) for key in rows[0]["distortion"]},
        "success_rate": 100 * _mean([row["attack"]["success"] for row in rows]),
        "claimed_rate": 100 * _mean([row["attack"]["claimed"] for row in rows]),
        "iterations": {"mean": _mean(iterations), "max": max(iterations)},
        "seconds_per_image": _mean([row["attack"]["seconds"] for row in rows]),
    }


def _scores(counts: Sequence[Record], classes: Sequence[str], seed: int) -> Record:
    images = [Counts.from_json(one, len(classes)) for one in counts]
    pooled, stacked = total(images), stack(images)
    return {
        "mIoU": _number(mean_iou(pooled)),
        "pixel_accuracy": _number(pixel_accuracy(pooled)),
        "per_class": dict(zip(classes, _numbers(iou_per_class(pooled)), strict=True)),
        "ci95": {
            "mIoU": _numbers(np.stack(interval(stacked, mean_iou, seed))),
            "pixel_accuracy": _numbers(np.stack(interval(stacked, pixel_accuracy, seed))),
            "per_class": {
                name: _numbers(ends)
                for name, ends in zip(classes, np.stack(interval(stacked, iou_per_class, seed)).T, strict=True)
            },
        },
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _number(value: NDArray[np.float64]) -> float | None:
    """A JSON number; NaN, where nothing was counted, becomes null."""
    return None if np.isnan(value) else float(value)


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [_number(value) for value in values]
