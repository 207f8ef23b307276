"""The objects of clips: their mean J from the rows, their size, place and motion from the maps of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Bools
from foolscape.metrics.clip_pools import FORMS
from foolscape.metrics.clip_table import ClipTable
from foolscape.metrics.score import Measure
from foolscape.metrics.slices.clips import MEAN_J, clip_cuts, clip_objects
from foolscape.metrics.slices.object_table import ObjectTable
from foolscape.metrics.slices.objects import Cut, ImageObjects
from foolscape.metrics.slices.scored import CLEAN
from foolscape.metrics.sums import Whole
from foolscape.records import conditions
from foolscape.records.places import Kind
from foolscape.records.row import AnyRow
from foolscape.report.files import Pixels, read_labels
from foolscape.run.slices.measured import MeasuredModel, SampleRows, TaskSlices, every_object


def _objects(model: MeasuredModel, rows: SampleRows) -> ImageObjects | None:
    """The objects of a clip; where there is no truth, as they are tracked on the clean clip."""
    clean = rows[CLEAN]
    if clean.frames is None:
        return None
    names, truth = clean.frames.names, model.model.truth

    def labels(frame: int) -> Pixels | None:
        if truth is not None:
            return read_labels(model.directory, model.place(Kind.TRUTH, clean.id, truth, frame=names[frame]))
        where = model.place(Kind.PREDICTION, clean.id, model.model.slug, conditions.CLEAN, names[frame])
        return read_labels(model.directory, where)

    return clip_objects(labels, clean.frames.judged, {name: row.measured for name, row in rows.items()})


class _Parts:
    """The objects of every clip; of a part of the objects those of clips that have any."""

    def __init__(self, measure: Measure[Any], classes: Sequence[str], cuts: Sequence[Cut]) -> None:
        del classes, cuts
        self._form = FORMS[measure.name]
        self._rows = self._form.rows(measure.name)

    def add(self, row: AnyRow) -> None:
        self._rows.add(row.sample)

    @cached_property
    def _table(self) -> ClipTable:
        return self._rows.table()

    def of(self, members: Bools, seed: int) -> Whole[Any]:
        return Whole(self._form.pool(self._table.of(members)), seed)

    def of_objects(self, cut: Cut, objects: ObjectTable, seed: int) -> Whole[Any]:
        chosen = cut.of(objects.places)
        which = np.zeros(len(self._table.labels), np.bool_)
        which[np.repeat(objects.known, self._table.counts)] = chosen
        return Whole(self._form.pool(self._table.of(objects.number(chosen) > 0, which)), seed)


RECORD: Final = TaskSlices("objects", _objects, every_object, MEAN_J, _Parts, in_maps=True, cuts=clip_cuts)
