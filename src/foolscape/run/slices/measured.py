"""What one model of a run was measured to do, in the form that slices are counted from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from foolscape.by_name import record_or_none
from foolscape.metrics.boxes import Bools
from foolscape.metrics.eval_classes import indices_of
from foolscape.metrics.score import Measure, Score, scores_of
from foolscape.metrics.slices.object_table import ObjectTable
from foolscape.metrics.slices.objects import Cut, ImageObjects, Places, cuts_of
from foolscape.metrics.slices.scored import ATTACKED, CLEAN
from foolscape.metrics.sums import Summed
from foolscape.records import conditions
from foolscape.records.conditions import Condition
from foolscape.records.places import Kind, safe_name
from foolscape.records.row import AnyRow, Line, rows_of
from foolscape.records.run import AnyRecord
from foolscape.records.stored import Rows
from foolscape.records.subjects import ModelRecord

_PACKAGE: Final = "foolscape.run.slices.tasks"


SampleRows = Mapping[str, AnyRow]
"""By `CLEAN` and, where there was an attack, `ATTACKED` the row of one sample."""


@dataclass(frozen=True)
class MeasuredModel:
    """What one model was measured to do, read from the files whenever it is gone through.

    Attributes:
        directory: of the run.
        record: run.json.
        model: as it has it.
        lines: of the run.
        attacked: the condition of the attacked rows, by which their files lie; None where there was no attack.
        change: in a transfer for which network the change was made that it was attacked with; empty: its own.
        maps: whether what it predicted on the attacked images is kept in the directory.
    """

    directory: Path
    record: AnyRecord
    model: ModelRecord
    lines: Rows
    attacked: Condition | None
    change: str = ""
    maps: bool = True

    @property
    def title(self) -> str:
        """Its spec, and with whose change it was attacked."""
        return f"{self.model.model}, changed for {self.change}" if self.change else self.model.model

    @property
    def slug(self) -> str:
        """The same as a short name."""
        return f"{self.model.slug}-{safe_name(self.change)}" if self.change else self.model.slug

    @cached_property
    def looked_at(self) -> Mapping[str, Condition]:
        """By `CLEAN` and, where there was an attack, `ATTACKED` the condition of rows and files."""
        return {CLEAN: conditions.CLEAN} | ({} if self.attacked is None else {ATTACKED: self.attacked})

    @cached_property
    def only(self) -> frozenset[int] | None:
        """The classes, by index, that scores are over, and that rows are narrowed to; None: all."""
        names = self.record.eval_classes if scores_of(self.model.task).narrowed is not None else None
        return None if names is None else indices_of(names, self.model.classes)

    def place(self, kind: Kind, name: str, of: str, condition: Condition = conditions.CLEAN, frame: str = "") -> str:
        """Where a file of the image `name` lies below the directory."""
        return self.record.layout.found(self.directory, kind, name, of, condition, frame)

    def samples(self) -> Iterator[SampleRows]:
        """The rows of each sample in the run's order; those of which some are missing are left out."""
        return (found for lines in self.lines.samples(self.model.model) if (found := self.sample(lines)) is not None)

    def sample(self, lines: Sequence[Line]) -> SampleRows | None:
        """The same of one sample; None where some are missing."""
        own = {row.condition: row for row in rows_of(lines)}
        if any(condition not in own for condition in self.looked_at.values()):
            return None
        return {name: self._narrowed(own[condition]) for name, condition in self.looked_at.items()}

    def _narrowed(self, row: AnyRow) -> AnyRow:
        """The row over some of the classes."""
        narrowed = scores_of(self.model.task).narrowed
        if self.only is None or narrowed is None:
            return row
        sample = narrowed(row.sample, self.only)
        return replace(row, truth=sample.truth, measured=sample.measured)


class Parts(Protocol):
    """Takes the rows of one condition sample after sample, and sums up parts of the samples or of their objects."""

    def add(self, row: AnyRow) -> None:
        """Take the next row."""
        ...

    def of(self, members: Bools, seed: int) -> Summed[Any]:
        """What some of the N samples come to: `members` (N,), `seed` of the groups that are left out."""
        ...

    def of_objects(self, cut: Cut, objects: ObjectTable, seed: int) -> Summed[Any] | None:
        """The same of a part of the objects; None where the measure's scores are not counted of such."""
        ...


@dataclass(frozen=True)
class TaskSlices:
    """How the objects of a task are counted; the constant `RECORD` of its module in `run.slices.tasks`.

    Attributes:
        noun: what one of them is, in the plural.
        objects: those of one sample of a model; None where files are missing.
        crowds: which of K objects make an image crowded.
        score: of the objects one by one.
        parts: (the measure, class names, the parts of the objects that are looked at) -> what takes rows.
        in_maps: whether they are counted in the maps that a run keeps, and not in its rows.
        cuts: of the classes, the parts of the objects that are looked at.
    """

    noun: str
    objects: Callable[[MeasuredModel, SampleRows], ImageObjects | None]
    crowds: Callable[[Places], Bools]
    score: Score[Any]
    parts: Callable[[Measure[Any], Sequence[str], Sequence[Cut]], Parts]
    in_maps: bool = False
    cuts: Callable[[Sequence[str]], list[Cut]] = cuts_of


def every_object(places: Places) -> Bools:
    """All of K objects."""
    return np.ones(len(places.labels), np.bool_)


def task_slices(task: str) -> TaskSlices | None:
    """How the objects of the task of this name are counted; None where they are not."""
    return record_or_none(_PACKAGE, task, TaskSlices)


def measure_scores(measure: Measure[Any]) -> tuple[Score[Any], ...]:
    """Those scores of a measure that a table of slices shows."""
    return tuple(score for score in measure.scores if not score.further)
