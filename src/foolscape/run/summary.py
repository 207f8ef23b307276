"""`summary.json`, computed from run.json, the rows and what was tried beside the attack: no model, no images."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import Measure, TaskScores, scores_of
from foolscape.metrics.sums import Sums
from foolscape.records.conditions import ADVERSARIAL, CLEAN, IN_FLOAT, Condition
from foolscape.records.row import AnyRow, Line, rows_of
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.sentences import OF_EVERY_RUN
from foolscape.records.stored import Rows, as_rows
from foolscape.records.subjects import DataRecord, ModelRecord
from foolscape.records.types import Object, dumped, to_json
from foolscape.run.scores.controls import ControlSizes
from foolscape.run.scores.minimum import CONVENTIONS as MINIMUM_CONVENTIONS
from foolscape.run.scores.minimum import SmallestChanges, with_minimum
from foolscape.run.tasks.base import SeveralResults, running_of
from foolscape.run.trust.attacked import AttackedRows
from foolscape.run.trust.judge import Evidence, run_trust

_NOTHING = Evidence()


def summarise(record: RunRecord, rows: Rows | Sequence[Line], evidence: Evidence = _NOTHING) -> Object:
    """The summary of a finished run.

    Args:
        record: run.json.
        rows: of the run, in any order; they are gone through in the order of the run's samples, one after the other,
            so that a resumed run sums up to the same bytes, and memory does not grow with them.
        evidence: what was tried beside the attack.
    """
    found = as_rows(rows, record)
    failures, scores = found.failures(), scores_of(record.task)
    measure = measure_over(record.eval_classes, _measure_of(record, found, scores), scores)
    tallies = {model.slug: _tally(model, record, found, measure) for model in record.models}
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
        "models": [tallies[model.slug].summed(found) for model in record.models],
        "trust": run_trust(record, failures, {slug: tally.attacked for slug, tally in tallies.items()}, evidence),
        "failures": [{"id": one.id, "model": one.model, "reason": one.reason} for one in failures],
    }


def _measure_of(record: RunRecord, rows: Rows, scores: TaskScores) -> Measure[Any]:
    """The measure of the samples; only where a task has several are they looked at."""
    if len(scores.measures) == 1:
        return scores.default
    return scores.measure_of(_Samples(record, rows))


@dataclass(frozen=True)
class _Samples:
    """The samples of all models, as often as they are gone through."""

    record: RunRecord
    rows: Rows

    def __iter__(self) -> Iterator[Sample[Any, Any]]:
        samples = (lines for model in self.record.models for lines in self.rows.samples(model.model))
        return (row.sample for lines in samples for row in rows_of(lines))


def _tally(model: ModelRecord, record: RunRecord, rows: Rows, measure: Measure[Any]) -> _Tally:
    """What the rows of a model come to, taken one sample after the other."""
    tally = _Tally(model, record, measure, rows.numbers(model.model))
    for lines in rows.samples(model.model):
        tally.add(rows_of(lines))
    return tally


class _Tally:
    """Takes the rows of one model, sample by sample in the run's order, and holds no more than its summary needs.

    Args:
        model, record: of run.json.
        measure: of the scores.
        numbers: how many rows there will be by condition.
    """

    def __init__(
        self, model: ModelRecord, record: RunRecord, measure: Measure[Any], numbers: Mapping[str, int]
    ) -> None:
        self._model, self._record, self._measure, self._numbers = model, record, measure, numbers
        self._sums: dict[Condition, Sums[Any]] = {}
        self._fell_back = 0
        self._queries = array("q")
        only_class = record.attack.get("only_class")
        self._only_class = None if only_class is None else model.classes.index(only_class)
        self._smallest: SmallestChanges | None = None
        self._attacks: dict[str | None, _AttackTally] = {}
        self.attacked: dict[str | None, AttackedRows] = {}
        if ADVERSARIAL.at(record.largest) in numbers:
            if with_minimum(record.attack):
                self._smallest = SmallestChanges(measure, model.classes, record.seed, self._only_class)
            for bound in record.bounds or (None,):
                self._attacks[bound] = _AttackTally(running_of(record.task).several, model.classes)
                self.attacked[bound] = AttackedRows(record.at(bound), model.model, record.order)

    def add(self, rows: Sequence[AnyRow]) -> None:
        """Take all rows of a sample into account."""
        if rows and self._measure.look_up is not None:
            in_float = (row.float_sample for row in rows if row.condition.name == ADVERSARIAL)
            self._measure.look_up([*(row.sample for row in rows), *in_float])
        for row in rows:
            self._score(row.condition, row.sample)
            if row.condition.name == ADVERSARIAL:
                self._score(IN_FLOAT.at(row.condition.bound), row.float_sample)
            if row.condition != CLEAN and row.condition.bound in self._attacks:
                self._attacks[row.condition.bound].add(row)
                self.attacked[row.condition.bound].add(row)
        attacks = [row.attack for row in rows if row.attack is not None]
        self._fell_back += any(attack.fell_back for attack in attacks)
        self._queries.extend(attack.queries for attack in attacks if attack.queries is not None)
        if self._smallest is not None:
            for pair in self._attacked([rows]):
                self._smallest.add(*pair)

    def _attacked(self, samples: Iterable[Sequence[AnyRow]]) -> Iterator[tuple[AnyRow, AnyRow]]:
        """Of each sample the clean row and the attacked one, where there is one."""
        for rows in samples:
            by_condition = {row.condition: row for row in rows}
            if (attacked := by_condition.get(ADVERSARIAL.at(self._record.largest))) is not None:
                yield by_condition[CLEAN], attacked

    def _score(self, condition: Condition, sample: Sample[Any, Any]) -> None:
        if condition not in self._sums:
            number = self._numbers[ADVERSARIAL.at(condition.bound) if condition.name == IN_FLOAT else condition]
            self._sums[condition] = self._measure.sums_of(self._model.classes, number, self._record.seed)
        self._sums[condition].add(sample)

    def summed(self, rows: Rows) -> Object:
        """What summary.json says of the model, of whose `rows` all were added."""
        model, record = self._model, self._record
        order = [*record.conditions, *(IN_FLOAT.at(one.bound) for one in record.conditions if one.name == ADVERSARIAL)]
        summary: Object = {
            "model": model.model,
            "slug": model.slug,
            "notes": [*model.notes, *self._notes()],
            "samples": self._numbers.get(CLEAN, 0),
            "conditions": {
                condition: self._measure.summed(
                    self._sums[condition].summed(), self._only_class, clean=condition == CLEAN
                )
                for condition in order
                if condition in self._sums
            },
        }
        if not self._attacks:
            return summary
        if self._smallest is not None:
            again = self._attacked(rows_of(lines) for lines in rows.samples(model.model))
            summary["minimum"] = self._smallest.summed(again, record.attack["largest"])
        by_bound = {
            bound: tally.summed(self.attacked[bound].controls, record.seed) for bound, tally in self._attacks.items()
        }
        return summary | by_bound[record.largest] | ({"bounds": by_bound} if record.bounds else {})

    def _notes(self) -> list[str]:
        """What memory and precision made of the run, as far as it was not to be expected."""
        notes = []
        record, queries = self._record, self._queries
        if (batch := record.narrowed.get(self._model.model)) is not None:
            notes.append(f"memory was short at a batch of {record.batch}, the run went on with {batch}")
        if self._fell_back:
            why = "for their scores or gradients were not finite in bf16"
            notes.append(f"images attacked in float32, {why}: {self._fell_back}")
        if queries:
            notes.append(f"queries of the attack per image: {_mean(queries):,.1f} on average, {max(queries):,} at most")
        return notes


class _AttackTally:
    """What the attack did to the images of one model at one bound, and cost."""

    def __init__(self, several: Callable[[Sequence[str]], SeveralResults] | None, classes: Sequence[str]) -> None:
        self._several = None if several is None else several(classes)
        self._iterations, self._claimed = array("q"), array("b")
        self._judged = array("b")
        self._moved: dict[str, array[float]] = {}

    def add(self, row: AnyRow) -> None:
        """Take a row of an attacked image into account; others are of no attack."""
        if row.condition.name != ADVERSARIAL:
            return
        if self._several is not None:
            self._several.add(row)
        if row.attack is not None:
            self._iterations.append(row.attack.iterations)
            self._claimed.append(row.attack.claimed)
            if row.attack.success is not None:
                self._judged.append(row.attack.success)
        if row.distortion is not None:
            for key, value in row.distortion.to_json().items():
                self._moved.setdefault(key, array("d")).append(value)

    def summed(self, controls: ControlSizes, seed: int) -> Object:
        """As means over images; the success rate is None where there was nothing to fool on any."""
        several = {} if self._several is None else self._several.summed(seed)
        return {
            "distortion": {key: _mean(values) for key, values in self._moved.items()},
            "success_rate": 100 * _mean(self._judged) if self._judged else None,
            "claimed_rate": 100 * _mean(self._claimed),
            "iterations": {"mean": _mean(self._iterations), "max": max(self._iterations)},
            "controls": controls.sizes(),
            **({"several": several} if several else {}),
        }


def _mean(values: array[Any]) -> float:
    return float(np.mean(np.asarray(values)))
