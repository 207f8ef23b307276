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
    narrowed = scores.narrowed
    if narrowed is None:
        raise SettingError(f"eval_classes: expected a task with classes, got {measure.name}; leave eval_classes out")

    def pool(samples: Samples, classes: Sequence[str]) -> Pool[Any]:
        chosen = indices_of(names, classes)
        return measure.pool([narrowed(sample, chosen) for sample in samples], classes)

    return replace(measure, pool=pool, notes={**measure.notes, KEY: sentence(names)})


def sentence(names: Sequence[str]) -> str:
    """What must be known of figures over the classes called `names` alone."""
    return f"Scores are over {', '.join(names)} alone; what was attacked, and what success means, is not."
