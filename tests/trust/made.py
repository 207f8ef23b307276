"""Rows, records and probes as runs write them, for judging without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, PERMUTED
from foolscape.records.row import AnyRow, Control, Row
from foolscape.records.run import RunRecord
from foolscape.records.subjects import SampleRecord
from foolscape.records.types import Object
from foolscape.run.trust.attack import attack_reasons
from foolscape.run.trust.attacked import AttackedModel, AttackedRows
from foolscape.verdict import Reason

from ..written import model_record, run_record

PIXELS = 1000
PGD = {"name": "pgd", "eps": "8/255", "stop": 0.0, "steps": 20}
CONFIG = {
    "models": ["net.py:net"], "data": "folder:p", "attack": "pgd", "options": {"eps": "8/255"}, "task": "segmentation",
}  # fmt: skip
PROBES: dict[str, Object] = {
    "longer": {"attack": "pgd", "steps": 40}, "stronger": {"attack": "worst-case"},
    "larger": {"attack": "pgd", "eps": "16/255"}, "unbound": {"attack": "pgd", "eps": "64/255", "steps": 40},
    "square": {"attack": "square", "steps": 200},
}  # fmt: skip
STANDS = {"clean": 90, "adversarial": 5, "permuted": 88, "noise": 89, "in_float": 5}


def row(condition: str, name: str, percent: float, model: str = "net.py:net", **more: Any) -> AnyRow:
    """A row with this share of the pixels right."""
    measured = pixels(percent)
    return Row(
        model=model, id=name, condition=condition, size=(1, PIXELS), measured=measured, truth={0: PIXELS}, **more
    )


def pixels(percent: float) -> PixelsMeasured:
    """What is measured where this share of the pixels is right."""
    return PixelsMeasured({0: round(percent * PIXELS / 100)}, {0: PIXELS})


@dataclass(frozen=True)
class Made:
    """The rows of a model under attack, by condition; `probed` as of `AttackedModel`."""

    record: RunRecord
    spec: str
    rows: Mapping[Any, Sequence[AnyRow]]
    probed: Mapping[str, Any]

    @property
    def model(self) -> AttackedModel:
        """As the checks take it."""
        sums = AttackedRows(self.record, self.spec, self.record.order)
        for name, rows in self.rows.items():
            for one in rows if name != CLEAN else ():
                sums.add(one)
        return sums.model(dict(self.probed))


def attacked(stands: Mapping[str, Sequence[float]], probes: Mapping[str, Sequence[float]], **attack: Any) -> Made:
    """A run on as many images as `stands` has percentages for; conditions that it lacks are as `STANDS`."""
    images = max((len(values) for values in stands.values()), default=4)
    given = {name: list(stands.get(name, [value] * images)) for name, value in STANDS.items()}
    rows = {c: [row(c, str(i), given[c][i]) for i in range(images)] for c in CONDITIONS}
    rows[PERMUTED] = changed(rows[PERMUTED], control=Control(kind=PERMUTED, l2=1.0, of_attack=1.0))
    rows[ADVERSARIAL] = [replace(row, in_float=pixels(given["in_float"][i])) for i, row in enumerate(rows[ADVERSARIAL])]
    record = run_record(
        [model_record("net.py:net", slug="net", classes=("a",))], attack=PGD | attack, config=CONFIG,
        gradient={"net.py:net": {"ok": True, "kind": "right"}},
        samples=tuple(SampleRecord(id=str(number)) for number in range(images)),
    )  # fmt: skip
    tried = {what: PROBES[what] for what in probes}
    left = {
        str(i): {what: {"right": values[i] / 100, "left": 0.0} for what, values in probes.items() if i < len(values)}
        for i in range(images)
    }
    return Made(record, "net.py:net", rows, {"probes": tried, "images": left} if probes else {})


def changed(rows: Sequence[AnyRow], **fields: Any) -> list[AnyRow]:
    """The rows with other fields."""
    return [replace(row, **fields) for row in rows]


def controlled(run: Made, first: int | None = None, **fields: Any) -> Made:
    """The run with the controls of its `first` images (None: of all) changed."""
    rows = list(run.rows[PERMUTED])
    rows[:first] = [replace(row, control=replace(row.control, **fields)) for row in rows[:first]]
    return replace(run, rows={**run.rows, PERMUTED: rows})


def reasons(run: Made) -> dict[str, Reason]:
    """The checks of a run's attack by their ids."""
    return {reason.id: reason for reason in attack_reasons(run.model)}
