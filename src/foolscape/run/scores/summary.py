"""`summary.json`, computed from run.json, the rows and what was tried beside the attack: no model, no images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foolscape.metrics.score import Measure, scores_of
from foolscape.run.directory.store import FAILED, Record
from foolscape.run.scores.controls import CONVENTIONS as CONTROLS
from foolscape.run.scores.controls import control_sizes
from foolscape.run.scores.minimum import CONVENTIONS as MINIMUM_CONVENTIONS
from foolscape.run.scores.minimum import minimum, with_minimum
from foolscape.run.tasks.base import ADVERSARIAL, CLEAN, CONDITIONS, running_of
from foolscape.run.trust.judge import Evidence, run_trust

OWN_CONVENTIONS = {
    "claimed_rate": "Claimed: share of images on which the attack reached its own stopping rule, where it looked.",
    "noise": "Random noise: uniform, of the same eps where the attack is bounded in Linf, else of the same L2.",
    "eight_bit": "Every figure is measured on 8-bit images, read back from the files.",
    **CONTROLS,
}


_NOTHING = Evidence()


def summarise(record: Record, rows: Sequence[Record], evidence: Evidence = _NOTHING) -> Record:
    """The summary of a finished run.

    Args:
        record: run.json.
        rows: of rows.jsonl, in any order; they are put into the order of the run's samples first, so that a resumed
            run sums up to the same bytes.
        evidence: what was tried beside the attack.
    """
    order = {sample["id"]: i for i, sample in enumerate(record["samples"])}
    ordered = sorted(rows, key=lambda row: order[row["id"]])
    failures = [
        {"id": row["id"], "model": row["model"], "reason": row["reason"]}
        for row in ordered
        if row["condition"] == FAILED
    ]
    measure = scores_of(record["task"]).measure_of(ordered)
    models = [
        _model(model, record, [r for r in ordered if r["model"] == model["model"]], measure)
        for model in record["models"]
    ]
    return {
        "schema": 1,
        "task": record["task"],
        "reference": record["reference"],
        "conventions": {
            **OWN_CONVENTIONS,
            **measure.conventions,
            **running_of(record["task"]).conventions,
            **(MINIMUM_CONVENTIONS if with_minimum(record["attack"]) else {}),
        },
        "data": record["data"],
        "attack": record["attack"],
        "models": models,
        "trust": run_trust(record, ordered, evidence),
        "failures": failures,
    }


def _model(model: Record, record: Record, rows: Sequence[Record], measure: Measure[Any]) -> Record:
    classes: list[str] = model["classes"]
    by_condition = {c: [row for row in rows if row["condition"] == c] for c in CONDITIONS}
    attacked = by_condition[ADVERSARIAL]
    measured = {condition: found for condition, found in by_condition.items() if found}
    if attacked:
        measured["adversarial_float"] = [{"id": row["id"], **row["in_float"]} for row in attacked]
    only_class = record["attack"].get("only_class")
    attacked_class = None if only_class is None else classes.index(only_class)
    conditions = {
        name: measure.score(found, classes, record["seed"], attacked_class, clean=name == CLEAN)
        for name, found in measured.items()
    }
    summary: Record = {
        "model": model["model"],
        "slug": model["slug"],
        "notes": [*model["notes"], *_hardware_notes(model["model"], record, attacked)],
        "samples": len(by_condition[CLEAN]),
        "conditions": conditions,
    }
    if not attacked:
        return summary
    if with_minimum(record["attack"]):
        clean, largest = by_condition[CLEAN], record["attack"]["largest"]
        found = minimum(clean, attacked, measure, classes, record["seed"], attacked_class, largest)
        summary["minimum"] = found
    summary |= _attack(attacked) | {"controls": control_sizes(rows)}
    tried = running_of(record["task"]).several(attacked, classes, record["seed"])
    return summary | ({"several": tried} if tried else {})


def _hardware_notes(spec: str, record: Record, attacked: Sequence[Record]) -> list[str]:
    """What memory and precision made of the run of one model, as far as it was not to be expected."""
    notes = []
    if (batch := record.get("narrowed", {}).get(spec)) is not None:
        notes.append(f"memory was short at a batch of {record['batch']}, the run went on with {batch}")
    if fell_back := sum(row["attack"].get("fell_back", False) for row in attacked):
        notes.append(f"images attacked in float32, for their scores or gradients were not finite in bf16: {fell_back}")
    return notes


def _attack(rows: Sequence[Record]) -> Record:
    """What the attack did and cost, as means over images."""
    iterations = [row["attack"]["iterations"] for row in rows]
    return {
        "distortion": {key: _mean([row["distortion"][key] for row in rows]) for key in rows[0]["distortion"]},
        "success_rate": _rate([row["attack"]["success"] for row in rows]),
        "claimed_rate": 100 * _mean([row["attack"]["claimed"] for row in rows]),
        "iterations": {"mean": _mean(iterations), "max": max(iterations)},
        "seconds_per_image": _mean([row["attack"]["seconds"] for row in rows]),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _rate(successes: Sequence[bool | None]) -> float | None:
    """Percentage of the images on which there was something to fool; None where there was nothing on any."""
    judged = [success for success in successes if success is not None]
    return 100 * _mean(judged) if judged else None
