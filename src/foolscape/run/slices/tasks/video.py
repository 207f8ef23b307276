"""The objects of clips: their mean J from the rows, their size, place and motion from the maps of the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from foolscape.metrics.sample import Sample
from foolscape.metrics.score import scores_of
from foolscape.metrics.slices.clips import MEAN_J, clip_cuts, clip_objects
from foolscape.metrics.slices.objects import Cut, ImageObjects
from foolscape.metrics.slices.scored import CLEAN
from foolscape.metrics.sums import Pool
from foolscape.records.places import Kind
from foolscape.report.files import Pixels, read_labels
from foolscape.run.slices.measured import MeasuredModel, TaskSlices


def _objects(model: MeasuredModel) -> list[ImageObjects | None]:
    return [_of_clip(model, place) for place in range(len(model.ids))]


def _of_clip(model: MeasuredModel, place: int) -> ImageObjects | None:
    """The objects of a clip; where there is no truth, as they are tracked on the clean clip."""
    rows = {name: rows[place] for name, rows in model.rows.items()}
    clean = rows[CLEAN]
    if clean.frames is None:
        return None
    names, truth = clean.frames.names, model.model.truth

    def labels(frame: int) -> Pixels | None:
        if truth is not None:
            return read_labels(model.directory, model.place(Kind.TRUTH, clean.id, truth, frame=names[frame]))
        where = model.place(Kind.PREDICTION, clean.id, model.model.slug, model.condition(CLEAN), names[frame])
        return read_labels(model.directory, where)

    return clip_objects(labels, clean.frames.judged, {name: row.measured for name, row in rows.items()})


def _crowd(objects: ImageObjects) -> int:
    return len(objects.weights)


def _pools(model: MeasuredModel, objects: Sequence[ImageObjects | None], part: Cut) -> Mapping[str, Pool[Any]]:
    """The clips with the objects in `part` alone, those that have any."""
    measure = scores_of(model.model.task).measure_of([row.sample for rows in model.rows.values() for row in rows])
    kept = [None if one is None else part.of(one.places) for one in objects]

    def narrowed(row: Any, which: Any) -> Sample[Any, Any]:
        inside = tuple(one for one, chosen in zip(row.measured.objects, which, strict=True) if chosen)
        return Sample(row.id, row.truth, replace(row.measured, objects=inside))

    return {
        name: measure.pool(
            [narrowed(row, which) for row, which in zip(rows, kept, strict=True) if which is not None and which.any()],
            model.model.classes,
        )
        for name, rows in model.rows.items()
    }


RECORD: Final = TaskSlices("objects", _objects, _crowd, MEAN_J, _pools, in_maps=True, cuts=clip_cuts)
