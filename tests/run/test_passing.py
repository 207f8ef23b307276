"""Summing up goes through rows one sample after the other: what they hold is let go before the next few come."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.distortion import Distortion
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED
from foolscape.records.row import AnyRow, Control, Failure, Line, Moved, Row
from foolscape.records.run import RunRecord
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_run
from foolscape.run.slices.make import slices_of
from foolscape.run.summary import summarise
from foolscape.run.transfer.column import column_of
from foolscape.run.universal.judged import JudgedImages, judged_model
from foolscape.run.universal.targets import Hide
from tests.written import attack_result, model_record, run_record

IMAGES = 40
HELD = 3
"""Samples whose rows may be there at a time: one that is looked at, one before it, one that is read."""


class Passing:
    """Rows that are made whenever they are asked for, and how many measurements of them were there at most."""

    def __init__(self, record: RunRecord) -> None:
        self.record, self.most = record, 0
        self._there: list[weakref.ref[Any]] = []

    def __iter__(self) -> Iterator[Line]:
        return (row for model in self.record.models for rows in self.samples(model.model) for row in rows)

    def samples(self, model: str | None) -> Iterator[Sequence[Line]]:
        rng = np.random.default_rng(0)
        for sample in self.record.samples:
            rows = rows_of_sample(self.record.task, str(model), sample.id, rng)
            self._there = [one for one in self._there if one() is not None]
            self._there += [weakref.ref(row.measured) for row in rows]
            self.most = max(self.most, len(self._there))
            yield rows
            del rows

    def ids(self, model: str | None) -> Sequence[str]:
        return [one.id for one in self.record.samples]

    def failures(self) -> list[Failure]:
        return []

    def numbers(self, model: str) -> dict[str, int]:
        return dict.fromkeys(CONDITIONS, IMAGES)


def rows_of_sample(task: str, model: str, name: str, rng: np.random.Generator) -> list[AnyRow]:
    truth, rows = truth_of(rng) if task == "detection" else None, []
    for condition in CONDITIONS:
        row: AnyRow = Row(
            model=model, id=name, condition=condition, size=(64, 64), measured=measured(task, truth, rng),
            truth={0: 50, 1: 50} if task == "segmentation" else truth,
            universal=Moved(moving=5, left=int(rng.integers(6)), reached=3, staying=5, stayed=4),
        )  # fmt: skip
        if condition == ADVERSARIAL:
            moved = Distortion(8, 1.0, 0.25, 0.5)
            row = replace(row, distortion=moved, in_float=row.measured, attack=attack_result())
        elif condition in (PERMUTED, NOISE):
            row = replace(row, control=Control(kind=condition, l2=1.0, of_attack=1.0))
        rows.append(row)
    return rows


def truth_of(rng: np.random.Generator) -> Truth:
    low = rng.random((4, 2)) * 40
    boxes, none = np.concatenate([low, low + 20], axis=1), np.zeros(4, bool)
    return Truth(boxes, rng.integers(0, 2, 4), none, none, np.full(4, 400.0))


def measured(task: str, truth: Truth | None, rng: np.random.Generator) -> Any:
    if truth is not None:
        return Detected(truth.boxes + rng.normal(0, 2, (4, 4)), rng.random(4), truth.labels)
    if task == "segmentation":
        return PixelsMeasured({0: int(rng.integers(50)), 1: 20}, {0: 60, 1: 40})
    values = tuple(rng.random(3).tolist())
    return ClipScores((ObjectScores(1, 1, values, values), ObjectScores(2, 1, values, values)))


def passing(task: str) -> Passing:
    own = model_record("m", task=task, classes=("a", "b"))
    record = run_record([own], [f"{n:03d}" for n in range(IMAGES)], {"name": "pgd", "eps": "4/255"})
    return Passing(replace(record, task=task))


def network(rows: Passing) -> Any:
    (model,) = rows.record.models
    return SimpleNamespace(
        entry=SimpleNamespace(subject=SimpleNamespace(spec="m", slug="m"), classes=model.classes), task=model.task,
        config=SimpleNamespace(eval_classes=None, seed=0), universal_task=SimpleNamespace(aim=Hide(0, "nearest")),
    )  # fmt: skip


def summed_up(rows: Any) -> None:
    assert summarise(rows.record, rows)["models"][0]["samples"] == IMAGES


def sliced(rows: Any) -> None:
    cameras = {one.id: {"camera": "left" if one.id < "020" else "right"} for one in rows.record.samples}
    (found,) = slices_of(sliced_run(Path("/nowhere"), rows.record, rows), Given(cameras)).models
    assert {one.name for one in found.slices} >= {"camera: left", "camera: right"}


def transferred(rows: Any) -> None:
    found = column_of(network(rows), rows, {"003"})
    assert set(found.scores) == set(CONDITIONS)
    assert {name: len(of) for name, of in found.left.items()} == dict.fromkeys(CONDITIONS, IMAGES - 1)
    assert found.sizes == {ADVERSARIAL: {"linf_levels": 8, "l2": 1.0, "perceptibility": 0.25, "ssim": 0.5}}


def patterned(rows: Any) -> None:
    found = judged_model(network(rows), rows, None, 0)
    assert found.images == dict.fromkeys(CONDITIONS, IMAGES)
    assert found.conditions[CLEAN]["counted"]["moving"] == {"number": 5 * IMAGES, "images": IMAGES}


@pytest.mark.parametrize(
    ("goes_through", "task"),
    [*product((summed_up, sliced, transferred, patterned), ("segmentation", "detection")), (summed_up, "video"),
     (sliced, "video")],
)  # fmt: skip
def test_rows_are_let_go_before_the_next_few_come(goes_through: Callable[[Any], None], task: str) -> None:
    rows = passing(task)
    goes_through(rows)
    assert 0 < rows.most <= HELD * len(CONDITIONS)


def test_what_became_of_targets_is_given_back_as_it_came() -> None:
    images = [Moved(moving=n, left=1, reached=0, staying=2, stayed=n, invented=n or None) for n in range(4)]
    found = JudgedImages()
    for place, one in enumerate(images):
        found.add(place, one)
    assert list(found) == images
    assert found[1:3] == images[1:3]
    shares = found.shares("left", {str(n): n for n in range(4)})
    assert dict(shares) == {"1": 100.0, "2": 50.0, "3": pytest.approx(100 / 3)}
