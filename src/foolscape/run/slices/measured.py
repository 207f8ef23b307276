"""What one model of a run was measured to do, in the form that slices are counted from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from foolscape.by_name import record_or_none
from foolscape.metrics.boxes import Bools
from foolscape.metrics.eval_classes import indices_of
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import Measure, Score, scores_of
from foolscape.metrics.slices.objects import Cut, ImageObjects, cuts_of
from foolscape.metrics.slices.scored import ATTACKED, CLEAN
from foolscape.metrics.sums import Pool
from foolscape.records import conditions
from foolscape.records.conditions import Condition
from foolscape.records.places import ONE_FOLDER, Kind, Layout, safe_name
from foolscape.records.row import AnyRow, Line, rows_of
from foolscape.records.run import AnyRecord, ModelRecord
from foolscape.records.stored import Rows, as_rows

_PACKAGE: Final = "foolscape.run.slices.tasks"


@dataclass(frozen=True)
class MeasuredModel:
    """The rows of one model, in the order of the run's samples.

    Attributes:
        directory: of the run.
        model: as run.json has it.
        rows: by `CLEAN` and, where there was an attack, `ATTACKED`, of the same N images.
        attacked: the condition of the attacked rows, by which their files lie.
        only: the classes, by index, that scores are over, and that rows are narrowed to; None: all.
        change: in a transfer for which network the change was made that it was attacked with; empty: its own.
        maps: whether what it predicted on the attacked images is kept in the directory.
        layout: where these files lie.
    """

    directory: Path
    model: ModelRecord
    rows: Mapping[str, Sequence[AnyRow]]
    attacked: Condition
    only: frozenset[int] | None = None
    change: str = ""
    maps: bool = True
    layout: Layout = ONE_FOLDER

    @property
    def title(self) -> str:
        """Its spec, and with whose change it was attacked."""
        return f"{self.model.model}, changed for {self.change}" if self.change else self.model.model

    @property
    def slug(self) -> str:
        """The same as a short name."""
        return f"{self.model.slug}-{safe_name(self.change)}" if self.change else self.model.slug

    @property
    def ids(self) -> list[str]:
        """Of the N images."""
        return [row.id for row in self.rows[CLEAN]]

    def condition(self, name: str) -> Condition:
        """The condition by which the files of `CLEAN` or `ATTACKED` lie."""
        return conditions.CLEAN if name == CLEAN else self.attacked

    def place(self, kind: Kind, name: str, of: str, condition: Condition = conditions.CLEAN, frame: str = "") -> str:
        """Where a file of the image `name` lies below the directory."""
        return self.layout.found(self.directory, kind, name, of, condition, frame)

    def samples(self, chosen: Bools | None = None) -> dict[str, list[Sample[Any, Any]]]:
        """By condition, what the scores of the images, or of the chosen ones (N,), are counted from."""
        return {
            name: [row.sample for place, row in enumerate(rows) if chosen is None or chosen[place]]
            for name, rows in self.rows.items()
        }


def measured_model(
    directory: Path,
    record: AnyRecord,
    model: ModelRecord,
    lines: Rows | Sequence[Line],
    attacked: Condition | None,
) -> MeasuredModel:
    """The rows of a model, clean and as it was `attacked`, if it was; without images of which some are missing."""
    wanted = {CLEAN: conditions.CLEAN} | ({} if attacked is None else {ATTACKED: attacked})
    names = record.eval_classes if scores_of(model.task).narrowed is not None else None
    only = None if names is None else indices_of(names, model.classes)
    found: dict[str, list[AnyRow]] = {name: [] for name in wanted}
    for sample in as_rows(lines, record).samples(model.model):
        own = {row.condition: row for row in rows_of(sample)}
        if all(condition in own for condition in wanted.values()):
            for name, condition in wanted.items():
                found[name].append(_narrowed(own[condition], model.task, only))
    return MeasuredModel(directory, model, found, attacked or conditions.CLEAN, only, layout=record.layout)


def measured_change(
    directory: Path, record: AnyRecord, model: ModelRecord, lines: Rows, change: Condition, made_for: str
) -> MeasuredModel:
    """`measured_model` on the images that were changed for `made_for`, of which no maps are kept."""
    return replace(measured_model(directory, record, model, lines, change), change=made_for, maps=False)


def _narrowed(row: AnyRow, task: str, only: frozenset[int] | None) -> AnyRow:
    """The row over some of the classes."""
    narrowed = scores_of(task).narrowed
    if only is None or narrowed is None:
        return row
    sample = narrowed(row.sample, only)
    return replace(row, truth=sample.truth, measured=sample.measured)


@dataclass(frozen=True)
class TaskSlices:
    """How the objects of a task are counted; the constant `RECORD` of its module in `run.slices.tasks`.

    Attributes:
        noun: what one of them is, in the plural.
        objects: those of each image of a model; None for an image of which files are missing.
        crowd: how many of an image's objects make it crowded.
        score: of the objects one by one.
        pools: (model, its objects, a part of these) -> by condition what the measure's scores are counted from; none
            where it has none for a part of the objects.
        cuts: of the classes, the parts of the objects that are looked at.
        in_maps: whether they are counted in the maps that a run keeps, and not in its rows.
    """

    noun: str
    objects: Callable[[MeasuredModel], list[ImageObjects | None]]
    crowd: Callable[[ImageObjects], int]
    score: Score[Any]
    pools: Callable[[MeasuredModel, Sequence[ImageObjects | None], Cut], Mapping[str, Pool[Any]]]
    in_maps: bool = False
    cuts: Callable[[Sequence[str]], list[Cut]] = cuts_of


def task_slices(task: str) -> TaskSlices | None:
    """How the objects of the task of this name are counted; None where they are not."""
    return record_or_none(_PACKAGE, task, TaskSlices)


def measure_scores(measure: Measure[Any]) -> tuple[Score[Any], ...]:
    """Those scores of a measure that a table of slices shows."""
    return tuple(score for score in measure.scores if not score.further)
