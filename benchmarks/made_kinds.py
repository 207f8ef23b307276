"""Rows of every kind of run, drawn by seed: no model and no pictures. For `benchmarks/rows_of_kinds.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from foolscape.metrics.boxes import Truth
from foolscape.metrics.distortion import Distortion
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.metrics.slices.objects import ImageObjects, Places
from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED, Condition
from foolscape.records.places import ROWS, RUN, RUNS, SHARDS, TIMINGS, TRAITS
from foolscape.records.row import AnyRow, AttackResult, Control, Frames, Moved, Row
from foolscape.records.rows import forms_of, line_bytes, truth_bytes
from foolscape.records.run import AnyRecord, RunRecord, TransferRecord, UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import ModelRecord, ShardRecord, Split
from foolscape.records.timings import Timing, timing_bytes
from foolscape.records.traits import Traits, object_traits, traits_bytes
from foolscape.run.directory.begun import as_json, write_json
from foolscape.run.transfer import matrix
from foolscape.run.universal.config import UniversalConfig
from rows import CLASSES, DRAWN, SCORE, detected, pixels, record_of, truth_in

Draw = np.random.Generator
Drawn = tuple[Truth | None, list[list[AnyRow]], list[Traits]]
"""The truth of an image, its rows by model, and what slices take from its pictures."""
OF: Final = 4
"""Shards."""
NETS: Final = ("one", "two")
FRAMES: Final = 30
_ID: Final = "the id of an image"
_SIZE: Final = (512, 1024)
UNIVERSAL: Final = UniversalConfig(
    model="net", data="made", target="hide:class 0", train_split="train", test_split="test"
)


def run_of_clips(images: int) -> RunRecord:
    """run.json of a run on clips."""
    record = record_of("segmentation", images)
    (model,) = record.models
    own = replace(model, task="video", classes=("background", "object"))
    return replace(record, task="video", models=(own,), data=replace(record.data, classes=None))


def transfer_of(task: str, images: int) -> TransferRecord:
    """run.json of a transfer between two networks."""
    record = record_of(task, images)
    models = tuple(replace(model, model=slug, slug=slug) for model in record.models for slug in NETS)
    return TransferRecord(
        schema=SCHEMA, kind="transfer", foolscape="", command=("foolscape", "transfer"), config={"seed": 0},
        models=models, algorithms={}, versions={}, samples=record.samples, configs=(),
    )  # fmt: skip


def universal_of(task: str, images: int) -> UniversalRecord:
    """run.json of a universal perturbation."""
    record = record_of(task, images)
    return UniversalRecord(
        schema=SCHEMA, kind="universal", foolscape="", command=("foolscape", "universal"),
        config=UNIVERSAL.model_dump(mode="json"), models=record.models, algorithms={}, versions={}, device="cpu",
        seed=0, tile=(8, 8), start_sha256=None, target_sha256=None, train=Split(samples=1, sha256=""),
        test=Split(samples=images, sha256=""), samples=record.samples,
    )  # fmt: skip


Kinds = Callable[[str, int], AnyRecord]
RECORDS: Final[dict[str, Kinds]] = {
    "run": record_of,
    "transfer": transfer_of,
    "universal": universal_of,
    "clips": lambda _, images: run_of_clips(images),
    "shards": record_of,
}


def clip(rng: Draw, condition: str) -> ClipScores:
    """Two objects, each frame a little better or worse."""
    level = SCORE[condition]
    values = np.clip(level + rng.normal(0, 0.1, (2, 2, FRAMES)), 0, 1).round(4)
    return ClipScores(
        tuple(ObjectScores(label + 1, 1, tuple(j), tuple(f)) for label, (j, f) in enumerate(values.tolist()))
    )


class Drawing:
    """Draws rows of one image after the other."""

    def __init__(self, record: AnyRecord, task: str, rng: Draw) -> None:
        self._task, self._rng = task, rng
        self._models: Sequence[ModelRecord] = record.models
        self._transfer = isinstance(record, TransferRecord)
        self._universal = isinstance(record, UniversalRecord)

    def image(self) -> Drawn:
        """The next image."""
        truth = truth_in(self._rng) if self._task == "detection" else None
        rows = [self._rows(model.model, truth) for model in self._models]
        return truth, rows, [self._traits(model.model) for model in self._models]

    def _rows(self, spec: str, truth: Truth | None) -> list[AnyRow]:
        found, clean = [], None
        for condition, kind in self._conditions():
            measured = self._measured(kind, truth, clean)
            clean = measured if clean is None else clean
            row: AnyRow = Row(model=spec, id=_ID, condition=condition, size=_SIZE, measured=measured)
            found.append(self._told(row, kind))
        return found

    def _conditions(self) -> list[tuple[Condition, str]]:
        if not self._transfer:
            return [(condition, condition) for condition in CONDITIONS]
        lines = matrix.disturbances_of(NETS, ())
        kinds = (CLEAN if not one.sources else PERMUTED if one.permuted else ADVERSARIAL for one in lines)
        return [(Condition(one.name), kind) for one, kind in zip(lines, kinds, strict=True)]

    def _measured(self, kind: str, truth: Truth | None, clean: Any) -> Any:
        if self._task == "video":
            return clip(self._rng, kind)
        if truth is not None:
            return detected(self._rng, kind, truth)
        return pixels(self._rng, kind, clean if isinstance(clean, PixelsMeasured) else None)

    def _told(self, row: AnyRow, kind: str) -> AnyRow:
        rng = self._rng
        if kind == CLEAN and self._task == "video":
            row = replace(
                row, frames=Frames(names=tuple(map(str, range(FRAMES + 2))), judged=tuple(range(1, FRAMES + 1)))
            )
        if self._universal:
            moved = rng.integers(0, 10, 3).tolist()
            row = replace(row, universal=Moved(moving=10, left=moved[0], reached=moved[1], staying=10, stayed=moved[2]))
        elif kind == ADVERSARIAL or (self._transfer and kind == PERMUTED):
            row = replace(row, distortion=Distortion(8, 20 * rng.random(), 0.02 * rng.random(), 0.9))
        if kind == ADVERSARIAL and not self._transfer and not self._universal:
            result = AttackResult(success=True, claimed=True, iterations=20, remaining=0, targets=100)
            row = replace(row, in_float=row.measured, attack=result)
        if kind in (PERMUTED, NOISE):
            row = replace(
                row, control=Control(kind=Condition(kind), l2=20.0, of_attack=0.9 + 0.1 * rng.random(), apart=1.4)
            )
        return row

    def _traits(self, spec: str) -> Traits:
        rng = self._rng
        light = (float(255 * rng.random()), float(80 * rng.random()))
        if self._task == "detection":
            return Traits(model=spec, id=_ID, light=light)
        number = 2 if self._task == "video" else 1 + int(rng.poisson(20))
        areas = np.ceil(10 ** (5 * rng.random(number)))
        weights = np.ones(number) if self._task == "video" else areas
        right = {str(name): weights * SCORE[name] * rng.random(number) for name in (CLEAN, ADVERSARIAL)}
        right = right if self._task == "video" else {name: np.floor(values) for name, values in right.items()}
        labels = np.arange(1, 3) if self._task == "video" else rng.integers(CLASSES["segmentation"], size=number)
        moved = rng.random(number) / 5 if self._task == "video" else None
        places = Places(labels, areas, rng.random((number, 2)), moved)
        return Traits(model=spec, id=_ID, light=light, objects=object_traits(ImageObjects(places, weights, right)))


def make(directory: Path, kind: str, task: str, images: int) -> None:
    """Write a directory of made rows; of a run in shards one for each of these."""
    record = RECORDS[kind](task, images)
    drawing = Drawing(record, task, np.random.default_rng(0))
    drawn = [drawing.image() for _ in range(min(images, DRAWN))]
    if kind != "shards":
        write(directory, record, drawn)
        return
    for number in range(1, OF + 1):
        own = ShardRecord(number=number, of=OF, samples=tuple(range(number - 1, images, OF)))
        write(directory / SHARDS / f"{number}-of-{OF}", replace(record, shard=own), drawn)


def write(directory: Path, record: AnyRecord, drawn: Sequence[Drawn]) -> None:
    """Write the rows, truths and traits of a directory."""
    directory.mkdir(parents=True)
    write_json(directory, RUN, as_json(record))
    save_file({"tile": np.full((3, 8, 8), 0.02, np.float32)}, directory / "perturbation.safetensors")
    forms = forms_of(record)
    texts = [[b"".join(line_bytes(row, forms) for row in own) for own in rows] for _, rows, _ in drawn]
    of_slices = directory / RUNS / NETS[0] if isinstance(record, TransferRecord) else directory
    of_slices.mkdir(parents=True, exist_ok=True)
    places = {name: place for place, name in enumerate(sample.id for sample in record.samples)}
    with (
        (directory / ROWS).open("wb") as file,
        (of_slices / TRAITS).open("wb") as traits,
        (directory / TIMINGS).open("wb") as timings,
    ):
        for place, model in enumerate(record.models):
            for name in record.ids:
                truth, _, known = drawn[places[name] % DRAWN]
                if truth is not None:
                    where = directory / forms.truth_place(directory, model.model, name)
                    where.parent.mkdir(parents=True, exist_ok=True)
                    where.write_bytes(truth_bytes(model.task, truth))
                file.write(texts[places[name] % DRAWN][place].replace(_ID.encode(), name.encode()))
                traits.write(traits_bytes(known[place]).replace(_ID.encode(), name.encode()))
                timings.write(timing_bytes(Timing(model=model.model, id=name, seconds=1.5)))
