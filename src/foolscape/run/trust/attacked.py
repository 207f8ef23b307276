"""A model of a run under its attack, as far as the verdict asks: a number for each image and check, and no rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from foolscape.metrics.sample import Sample
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.row import AnyRow
from foolscape.records.run import RunRecord
from foolscape.records.types import Object
from foolscape.run.scores.controls import ControlSizes
from foolscape.run.trust.by_image import ByImage
from foolscape.run.trust.standing import standing

UNREACHED: Final = 256
"""Levels that stand for the smallest change of an image that was never fooled: one more than there are."""


@dataclass(frozen=True)
class AttackedModel:
    """A model of a run under its attack.

    Attributes:
        record: run.json, at one bound where there are several.
        spec: of the model.
        left: by condition without its bound, 100 times the standing of each image that has one.
        in_float: the same of the attacked images before rounding to 8 bits.
        controls: what the controls' rows say of their size.
        smallest: the smallest change of each image in levels, of an attack that looks for it; `UNREACHED` without one.
        probed: `probes/SLUG.json`; empty if there is none.
    """

    record: RunRecord
    spec: str
    left: Mapping[str, ByImage]
    in_float: ByImage
    controls: ControlSizes
    smallest: ByImage
    probed: Object

    @property
    def own(self) -> ByImage:
        """What the attack leaves."""
        return self.left.get(ADVERSARIAL, ByImage(self.record.order))


class AttackedRows:
    """Takes the rows of a model at one bound as they come, and holds what `AttackedModel` does of them.

    Args:
        record: run.json, at one bound where there are several.
        spec: of the model.
        order: of the run's images; one for all bounds.
    """

    def __init__(self, record: RunRecord, spec: str, order: Mapping[str, int]) -> None:
        self._order = order
        self._record, self._spec, self._judge = record, spec, standing(record, spec)
        self._left: dict[str, ByImage] = {}
        self._in_float, self._smallest = ByImage(order), ByImage(order)
        self.controls = ControlSizes()

    def add(self, row: AnyRow) -> None:
        """Take a row into account."""
        name = row.condition.name
        self._keep(self._left.setdefault(name, ByImage(self._order)), row.sample)
        self.controls.add(row)
        if name == ADVERSARIAL:
            self._keep(self._in_float, row.float_sample)
            if row.attack is not None and "largest" in self._record.attack:
                levels = row.attack.smallest_eps
                self._smallest.put(row.id, UNREACHED if levels is None else levels)

    def _keep(self, standings: ByImage, sample: Sample[Any, Any]) -> None:
        value = self._judge(sample)
        if value is not None:
            standings.put(sample.id, 100 * value)

    def model(self, probed: Object) -> AttackedModel:
        """What was added."""
        return AttackedModel(
            self._record, self._spec, self._left, self._in_float, self.controls, self._smallest, probed
        )
