"""Scores over some of the classes, for `--eval-classes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from foolscape.class_names import only
from foolscape.errors import SettingError, unknown
from foolscape.metrics.boxes import Ints
from foolscape.metrics.sample import Sample, Samples
from foolscape.metrics.score import Measure, TaskScores
from foolscape.metrics.sums import Pool, Summed, Sums

KEY: Final = "eval_classes"
"""Of the setting, and of the sentence in summary.json."""


def indices_of(names: Sequence[str], classes: Sequence[str]) -> frozenset[int]:
    """The indices among `classes` of those called `names`, also written otherwise or as a synonym.

    Raises:
        UnknownNameError: there is no such class; near misses are named.
    """
    found = []
    for name in names:
        known = name if name in classes else only(name, classes)
        if known is None:
            raise unknown("class of --eval-classes", name, classes)
        found.append(list(classes).index(known))
    return frozenset(found)


def measure_over(names: Sequence[str] | None, measure: Measure[Any], scores: TaskScores) -> Measure[Any]:
    """`measure` with its scores over the classes called `names` alone; itself for None.

    Pixels of other classes still count against a class that is predicted there. Objects and detections of other
    classes play no part.

    Raises:
        SettingError: the task has no classes.
    """
    if names is None:
        return measure

    def pool(samples: Samples, classes: Sequence[str]) -> Pool[Any]:
        return measure.pool(samples_over(names, samples, classes, scores), classes)

    def sums(classes: Sequence[str], group: Ints) -> Sums[Any]:
        assert measure.sums is not None
        return _Narrowed(measure.sums(classes, group), names, classes, scores)

    own_sums = None if measure.sums is None else sums
    return replace(measure, pool=pool, sums=own_sums, notes={**measure.notes, KEY: sentence(names)})


@dataclass(frozen=True)
class _Narrowed:
    """`sums` of what samples are over the classes called `names` alone."""

    sums: Sums[Any]
    names: Sequence[str]
    classes: Sequence[str]
    scores: TaskScores

    def add(self, sample: Sample[Any, Any]) -> None:
        (narrowed,) = samples_over(self.names, [sample], self.classes, self.scores)
        self.sums.add(narrowed)

    def summed(self) -> Summed[Any]:
        return self.sums.summed()


def samples_over(names: Sequence[str] | None, samples: Samples, classes: Sequence[str], scores: TaskScores) -> Samples:
    """`samples` of a model with these `classes`, of those called `names` alone; themselves for None.

    Raises:
        SettingError: the task has no classes.
    """
    if names is None:
        return samples
    if scores.narrowed is None:
        raise SettingError("eval_classes: expected a task with classes; leave eval_classes out")
    chosen = indices_of(names, classes)
    return [scores.narrowed(sample, chosen) for sample in samples]


def sentence(names: Sequence[str]) -> str:
    """What must be known of figures over the classes called `names` alone."""
    return f"Scores are over {', '.join(names)} alone; what was attacked, and what success means, is not."
