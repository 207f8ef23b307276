"""Scores over some of the classes, for `--eval-classes`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from foolscape.class_names import only
from foolscape.errors import SettingError, unknown
from foolscape.metrics.sample import Samples
from foolscape.metrics.score import Measure, Pool, TaskScores

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

    return replace(measure, pool=pool, notes={**measure.notes, KEY: sentence(names)})


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
