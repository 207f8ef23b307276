"""What tables call scores, and the sentences that they say beside the numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foolscape.metrics.score import Measure, Parts, Score, scores_of
from foolscape.records.conditions import MEANINGS
from foolscape.records.sentences import OF_EVERY_RUN
from foolscape.records.subjects import CLEAN_PREDICTION, Reference
from foolscape.records.summary import RunSummary
from foolscape.report.task import report_of
from foolscape.tasks.base import task_named

_SENTENCES: Final = {**{name: meaning.sentence for name, meaning in MEANINGS.items()}, **OF_EVERY_RUN}


_GOALS: Final[dict[str, str]] = {
    "untargeted": "{objects} are no longer taken for what they are",
    "mislabel": "{objects} are taken for another class{rest}",
    "vanish": "{objects} are no longer found{rest}",
    "vanish-only": "{objects} are no longer found, nothing appears elsewhere{rest}",
    "fabricate": "{boxes} are found where nothing is",
}
"""What an attack on a detector is to reach, by the name of its goal."""


@dataclass(frozen=True)
class Words:
    """How the scores of a summary are called and explained.

    Attributes:
        measure: of the scores.
        scores: those of the first table, in its order.
        further: those of the second one; none where there is none.
        unit: the noun of a sample.
        changed: what of a sample the attack changes, to be said behind by how much; empty if that is all of it.
        conventions: what a table says where the run has no sentence of its own under that key.
    """

    measure: Measure[Any]
    scores: tuple[Score[Any], ...]
    further: tuple[Score[Any], ...]
    unit: str
    changed: str
    conventions: Mapping[str, str]

    @property
    def headline(self) -> Score[Any]:
        """The score that sums a model up."""
        return self.measure.main

    @property
    def parts(self) -> Parts:
        """What a score is broken down to."""
        return self.measure.parts

    @property
    def beside(self) -> tuple[str, ...]:
        """Keys of the conventions that stand below the first table."""
        return (*sentences_of(self.scores), *self.measure.below)


def words(summary: RunSummary) -> Words:
    """The words of a summary: of its task, and of the measure that its scores are of."""
    task, report = task_named(summary.task), report_of(summary.task)
    measure = _measure_of(summary)
    scores = measure.shown(_measured(summary))
    return Words(
        measure=measure,
        scores=tuple(score for score in scores if not score.further),
        further=tuple(score for score in scores if score.further),
        unit=task.unit,
        changed=report.changed,
        conventions={**_SENTENCES, **measure.conventions, "success_rate": report.success, **report.sentences},
    )


def sentences_of(scores: Iterable[Score[Any]]) -> tuple[str, ...]:
    """The keys of the conventions of scores, each once."""
    return tuple(dict.fromkeys(score.sentence for score in scores))


def _measure_of(summary: RunSummary) -> Measure[Any]:
    """The first measure of the task whose headline score, or a sentence about it, is there; else the last one."""
    scores, keys = scores_of(summary.task), {*summary.conventions, *_measured(summary)}
    return next((measure for measure in scores.measures if measure.headline in keys), scores.default)


def _measured(summary: RunSummary) -> set[str]:
    """The keys of all conditions of a run's models."""
    return {key for model in summary.models for one in model.conditions.values() for key in one}


def conventions(summary: RunSummary, *names: str) -> tuple[str, ...]:
    """The sentences of the run itself, and ours where it has none."""
    own, ours = summary.conventions, words(summary).conventions
    return tuple(str(own.get(name) or ours[name]) for name in names)


def reference_notes(task: str, reference: Reference) -> tuple[str, ...]:
    """The sentence that a reader must have when no labels were there; empty with labels."""
    return (report_of(task).without_labels,) if reference == CLEAN_PREDICTION else ()


def unfinished(summary: RunSummary) -> str:
    """How far an unfinished run is, such as `unfinished: 7 of 40 images`; empty where it has finished."""
    parts, unit = summary.unfinished, words(summary).unit
    if not parts:
        return ""
    done, of = sum(part.done for part in parts), sum(part.of for part in parts)
    models = f", of {len(parts)} models together" if len(parts) > 1 else ""
    return f"unfinished: {done} of {of} {unit}s{models}"


def goal_note(summary: RunSummary) -> tuple[str, ...]:
    """What the attack was to reach; empty where it has no goal that we know."""
    goal, only_class = summary.attack.get("goal"), summary.attack.get("only_class")
    if goal not in _GOALS:
        return ()
    of_class = "" if only_class is None else f" of class {only_class}"
    rest = "" if only_class is None else ", and those of other classes stay as they are"
    sentence = _GOALS[goal].format(objects=f"objects{of_class}", boxes=f"boxes{of_class}", rest=rest)
    return (f"Goal {goal}: {sentence}.",)
