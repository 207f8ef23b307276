"""`summary.json`, computed from run.json, the rows and what was tried beside the attack: no model, no images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import Measure, scores_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN, IN_FLOAT, Condition
from foolscape.records.row import AnyRow, Line, failures_of, rows_of
from foolscape.records.run import DataRecord, ModelRecord, RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.sentences import OF_EVERY_RUN
from foolscape.records.types import Object, dumped, to_json
from foolscape.run.scores.controls import control_sizes
from foolscape.run.scores.minimum import CONVENTIONS as MINIMUM_CONVENTIONS
from foolscape.run.scores.minimum import minimum, with_minimum
from foolscape.run.tasks.base import running_of
from foolscape.run.trust.judge import Evidence, run_trust

_NOTHING = Evidence()


def summarise(record: RunRecord, rows: Sequence[Line], evidence: Evidence = _NOTHING) -> Object:
    """The summary of a finished run.

    Args:
        record: run.json.
        rows: of rows.jsonl, in any order; they are put into the order of the run's samples first, so that a resumed
            run sums up to the same bytes.
        evidence: what was tried beside the attack.
    """
    order = {sample.id: i for i, sample in enumerate(record.samples)}
    ordered = sorted(rows, key=lambda row: order[row.id])
    scores = scores_of(record.task)
    measure = measure_over(record.eval_classes, scores.measure_of([row.sample for row in rows_of(ordered)]), scores)
    return {
        "schema": SCHEMA,
        "task": record.task,
        "reference": record.reference,
        "conventions": {
            **OF_EVERY_RUN,
            **measure.conventions,
            **running_of(record.task).conventions,
            **(MINIMUM_CONVENTIONS if with_minimum(record.attack) else {}),
        },
        "data": json.loads(dumped(to_json(DataRecord, record.data))),
        "attack": record.attack,
        "models": [_model(model, record, rows_of(ordered, model.model), measure) for model in record.models],
        "trust": run_trust(record, ordered, evidence),
        "failures": [{"id": one.id, "model": one.model, "reason": one.reason} for one in failures_of(ordered)],
    }


def _model(model: ModelRecord, record: RunRecord, rows: Sequence[AnyRow], measure: Measure[Any]) -> Object:
    by_condition = {condition: rows_of(rows, condition=condition) for condition in record.conditions}
    bounds = record.bounds or (None,)
    attacked = by_condition.get(ADVERSARIAL.at(record.largest), [])
    only_class = record.attack.get("only_class")
    attacked_class = None if only_class is None else model.classes.index(only_class)
    conditions = {
        condition: measure.score(samples, model.classes, record.seed, attacked_class, clean=condition == CLEAN)
        for condition, samples in _samples(by_condition).items()
    }
    summary: Object = {
        "model": model.model,
        "slug": model.slug,
        "notes": [*model.notes, *_hardware_notes(model.model, record, rows)],
        "samples": len(by_condition[CLEAN]),
        "conditions": conditions,
    }
    if not attacked:
        return summary
    if with_minimum(record.attack):
        clean, largest = by_condition[CLEAN], record.attack["largest"]
        summary["minimum"] = minimum(clean, attacked, measure, model.classes, record.seed, attacked_class, largest)
    by_bound = {
        bound: _at_bound(model, record, [row for row in rows if row.condition.bound == bound]) for bound in bounds
    }
    return summary | by_bound[record.largest] | ({"bounds": by_bound} if record.bounds else {})


def _at_bound(model: ModelRecord, record: RunRecord, rows: Sequence[AnyRow]) -> Object:
    """What the attack did to the images of one model, from its rows and those of its controls at one bound."""
    attacked = [row for row in rows if row.condition.name == ADVERSARIAL]
    several_results = running_of(record.task).several(attacked, model.classes, record.seed)
    return (
        _attack(attacked)
        | {"controls": control_sizes(rows)}
        | ({"several": several_results} if several_results else {})
    )


def _samples(by_condition: Mapping[Condition, Sequence[AnyRow]]) -> dict[Condition, list[Sample[Any, Any]]]:
    """What was measured under each condition under which anything was, the attacked images in float too."""
    samples = {condition: [row.sample for row in rows] for condition, rows in by_condition.items() if rows}
    for condition, rows in by_condition.items():
        if condition.name == ADVERSARIAL and rows:
            samples[IN_FLOAT.at(condition.bound)] = [row.sample_of(row.in_float) for row in rows]
    return samples


def _hardware_notes(spec: str, record: RunRecord, rows: Sequence[AnyRow]) -> list[str]:
    """What memory and precision made of the run of one model, as far as it was not to be expected."""
    notes = []
    if (batch := record.narrowed.get(spec)) is not None:
        notes.append(f"memory was short at a batch of {record.batch}, the run went on with {batch}")
    if fell_back := len({row.id for row in rows if row.attack is not None and row.attack.fell_back}):
        notes.append(f"images attacked in float32, for their scores or gradients were not finite in bf16: {fell_back}")
    if queries := [row.attack.queries for row in rows if row.attack is not None and row.attack.queries is not None]:
        notes.append(f"queries of the attack per image: {_mean(queries):,.1f} on average, {max(queries):,} at most")
    return notes


def _attack(rows: Sequence[AnyRow]) -> Object:
    """What the attack did and cost, as means over images."""
    results = [row.attack for row in rows if row.attack is not None]
    moved = [row.distortion.to_json() for row in rows if row.distortion is not None]
    iterations = [result.iterations for result in results]
    return {
        "distortion": {key: _mean([one[key] for one in moved]) for key in moved[0]},
        "success_rate": _rate([result.success for result in results]),
        "claimed_rate": 100 * _mean([result.claimed for result in results]),
        "iterations": {"mean": _mean(iterations), "max": max(iterations)},
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _rate(successes: Sequence[bool | None]) -> float | None:
    """Percentage of the images on which there was something to fool; None where there was nothing on any."""
    judged = [success for success in successes if success is not None]
    return 100 * _mean(judged) if judged else None
