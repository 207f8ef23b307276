"""What a universal perturbation did to test images, of rows that are read one sample after the other."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, overload

from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.score import scores_of as scored
from foolscape.metrics.sums import Sums
from foolscape.records.conditions import CLEAN, NOISE, PERMUTED, Condition
from foolscape.records.row import Moved, rows_of
from foolscape.records.stored import StoredRows
from foolscape.records.types import Object
from foolscape.run.scores.controls import ControlSizes
from foolscape.run.trust.by_image import ByImage
from foolscape.run.universal.record import universal_of
from foolscape.run.universal.setup import TestedModel
from foolscape.run.universal.targets import Hide
from foolscape.run.universal.universal_task import scores_of

_COUNTS: Final = tuple(one.name for one in fields(Moved))
_NONE: Final = -1


class JudgedImages(Sequence[Moved]):
    """What became of the targets of images under one condition, in the order in which they were added."""

    def __init__(self) -> None:
        self._counts = {name: array("q") for name in _COUNTS}
        self._places = array("q")

    def add(self, place: int, moved: Moved) -> None:
        """The image at a place of the run."""
        self._places.append(place)
        for name, counts in self._counts.items():
            value = getattr(moved, name)
            counts.append(_NONE if value is None else value)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Moved: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Moved]: ...
    def __getitem__(self, place: int | slice) -> Moved | Sequence[Moved]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        counts = {name: values[place] for name, values in self._counts.items()}
        found: dict[str, Any] = {name: None if value == _NONE else value for name, value in counts.items()}
        return Moved(**found)

    def shares(self, part: str, order: Mapping[str, int]) -> ByImage:
        """By image the percentage of its targets that are a `part` of them; `order`: the ids of the run."""
        found = ByImage(order)
        for place, own, moving in zip(self._places, self._counts[part], self._counts["moving"], strict=True):
            if moving:
                found.numbers[place], found.there[place] = 100 * own / moving, True
        return found


@dataclass
class JudgedModel:
    """A model on test images.

    Attributes:
        conditions: by condition its scores, those of what was to change among them.
        images: by condition how many images were measured.
        judged: by condition what became of the targets.
        controls: how large these are.
    """

    conditions: dict[Condition, Object] = field(default_factory=dict)
    images: dict[Condition, int] = field(default_factory=dict)
    judged: dict[Condition, JudgedImages] = field(default_factory=dict)
    controls: ControlSizes = field(default_factory=ControlSizes)


def judged_model(model: TestedModel, rows: StoredRows, eval_classes: Sequence[str] | None, seed: int) -> JudgedModel:
    """A model on all test images; its rows are gone through once.

    Args:
        model: see there.
        rows: of the run.
        eval_classes: the classes that scores are over; None: all.
        seed: of intervals.
    """
    spec, order = model.entry.subject.spec, rows.record.order
    measure = measure_over(eval_classes, scored(model.task).default, scored(model.task))
    found, sums = JudgedModel(), dict[Condition, Sums[Any]]()
    numbers = rows.numbers(spec)
    for lines in rows.samples(spec):
        for row in rows_of(lines):
            if row.condition not in sums:
                sums[row.condition] = measure.sums_of(model.entry.classes, numbers[row.condition], seed)
                found.judged[row.condition] = JudgedImages()
            sums[row.condition].add(row.sample)
            if row.universal is not None:
                found.judged[row.condition].add(order[row.id], row.universal)
            if row.condition in (PERMUTED, NOISE):
                found.controls.add(row)
    only_class = model.universal_task.aim.hidden if isinstance(model.universal_task.aim, Hide) else None
    for condition, own in sums.items():
        scores = measure.summed(own.summed(), only_class, clean=condition == CLEAN)
        found.conditions[condition] = _with_targets(model, scores, found.judged[condition], only_class)
        found.images[condition] = numbers[condition]
    return found


def _with_targets(model: TestedModel, scores: Object, judged: JudgedImages, only_class: int | None) -> Object:
    hidden = None if only_class is None else model.entry.classes[only_class]
    more = universal_of(model.task).more(scores, judged, hidden)
    return scores | more | scores_of(model.universal_task.aim, judged)
