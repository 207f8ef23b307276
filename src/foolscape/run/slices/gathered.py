"""What slices are counted from, gathered in one way through the rows of a model: arrays, and no rows."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foolscape.metrics.boxes import Bools, Floats, Ints
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import Measure, TaskScores, scores_of
from foolscape.metrics.slices.object_table import ObjectRows, ObjectTable
from foolscape.metrics.slices.objects import Cut
from foolscape.metrics.slices.scored import ATTACKED, CLEAN
from foolscape.metrics.sums import Summed, Whole
from foolscape.records.row import AnyRow
from foolscape.records.traits import Traits, objects_in, read_traits
from foolscape.run.slices.measured import MeasuredModel, Parts, TaskSlices, task_slices


@dataclass(frozen=True)
class Gathered:
    """Of the N samples of a model, in the order of the run:

    Attributes:
        measure: of their scores.
        places: (N,) where they are among the samples of the run.
        right: by condition (N,) the percentage of what is there that is right; NaN where nothing is.
        parts: by condition what sums up parts of them.
        task: how their objects are counted; None where they are not.
        cuts: the parts of the objects that are looked at.
        objects: those of the samples; None where they are not known of any.
    """

    measure: Measure[Any]
    places: Ints
    right: Mapping[str, Floats]
    parts: Mapping[str, Parts]
    task: TaskSlices | None
    cuts: Sequence[Cut]
    objects: ObjectTable | None

    @property
    def values(self) -> dict[str, Floats]:
        """By question (N,): what is right of each image in percent when clean, and what of it the attack takes."""
        right = self.right
        return {"clean": right[CLEAN]} | ({"lost": right[CLEAN] - right[ATTACKED]} if ATTACKED in right else {})


def gather(model: MeasuredModel) -> Gathered:
    """Go through the rows of a model once."""
    scores, order, classes = scores_of(model.model.task), model.record.order, model.model.classes
    own, measure = task_slices(model.model.task), _measure_of(model, scores)
    task = None if own is None or (own.in_maps and not model.maps) else own
    cuts = [] if task is None else task.cuts(classes)
    parts: dict[str, Parts] = {
        name: HeldParts(measure, classes) if own is None else own.parts(measure, classes, cuts)
        for name in model.looked_at
    }
    right = {name: array("d") for name in model.looked_at}
    places, objects = array("q"), ObjectRows()
    written = task is not None and task.in_maps and any(one.model == model.model.model for one in _traits(model))
    for place, rows in enumerate(model.samples()):
        places.append(order[rows[CLEAN].id])
        for name, row in rows.items():
            share = scores.right(row.sample, None)
            right[name].append(np.nan if share is None else 100 * share)
            parts[name].add(row)
        if task is not None and not written:
            objects.add(place, task.objects(model, rows))
    where = np.array(places, np.int64)
    if written:
        _add_written(model, objects, where)
    shares = {name: np.array(values) for name, values in right.items()}
    return Gathered(measure, where, shares, parts, task, cuts, objects.table(len(where)))


def _traits(model: MeasuredModel) -> Iterator[Traits]:
    return read_traits(model.directory)


def _add_written(model: MeasuredModel, objects: ObjectRows, places: Ints) -> None:
    """The objects of pictures that were let go, as they were written down before."""
    order = model.record.order
    own = np.full(len(order), -1)
    own[places] = np.arange(len(places))
    for one in _traits(model):
        place = order.get(one.id, -1)
        if one.model == model.model.model and place >= 0 and own[place] >= 0:
            objects.add(int(own[place]), None if one.objects is None else objects_in(one.objects))


def _measure_of(model: MeasuredModel, scores: TaskScores) -> Measure[Any]:
    """The measure of a model's samples; only where a task has several are they looked at."""
    if len(scores.measures) == 1:
        return scores.default
    return scores.measure_of(Samples(model))


@dataclass(frozen=True)
class Samples:
    """The samples of a model under all conditions, as often as they are gone through."""

    model: MeasuredModel

    def __iter__(self) -> Iterator[Sample[Any, Any]]:
        return (row.sample for rows in self.model.samples() for row in rows.values())


@dataclass
class HeldParts:
    """The `Parts` of a task that has none of its own: all samples."""

    measure: Measure[Any]
    classes: Sequence[str]
    samples: list[Sample[Any, Any]] = field(default_factory=list)

    def add(self, row: AnyRow) -> None:
        """Hold a sample."""
        self.samples.append(row.sample)

    def of(self, members: Bools, seed: int) -> Summed[Any]:
        """What those pool to."""
        chosen = [one for one, member in zip(self.samples, members, strict=True) if member]
        return Whole(self.measure.pool(chosen, self.classes), seed)

    def of_objects(self, cut: Cut, objects: ObjectTable, seed: int) -> None:
        """Nothing: it has no objects."""
        del cut, objects, seed
