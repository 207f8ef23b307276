"""What it takes to sum up many images of other kinds of run than a plain one: made rows, no model and no pictures.

    python benchmarks/rows_of_kinds.py transfer --task detection --images 1000
    python benchmarks/rows_of_kinds.py universal --task segmentation --images 10000 --steps summary,page
    python benchmarks/rows_of_kinds.py clips --images 1000
    python benchmarks/rows_of_kinds.py run --task detection --images 10000 --steps slices

Rows are made as by `benchmarks/rows.py`: of 1,000 drawn images, which come again by other names. A transfer is between
two networks, with seven rows of an image and network; a universal perturbation is measured on one network, with four
rows of an image; a clip has two objects in 30 frames. What slices take from pictures is drawn, too. Each step runs in a
process of its own, which tells its seconds and its largest resident memory, and the sha256 of what it wrote.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

from foolscape.metrics.boxes import Truth
from foolscape.metrics.distortion import Distortion
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.metrics.slices.objects import ImageObjects, Places
from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED, Condition
from foolscape.records.places import MATRIX, ROWS, RUN, RUNS, SLICES, SUMMARY, TRAITS
from foolscape.records.reader import read_record
from foolscape.records.row import AnyRow, AttackResult, Control, Frames, Moved, Row
from foolscape.records.rows import forms_of, line_bytes, truth_bytes
from foolscape.records.run import AnyRecord, RunRecord, TransferRecord, UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import ModelRecord, Split
from foolscape.records.training import TrainingRecord
from foolscape.records.traits import Traits, object_traits, traits_bytes
from foolscape.report import write_report
from foolscape.report.pages.transfer import write_transfer_report
from foolscape.report.pages.universal import write_universal_report
from foolscape.run.directory.begun import as_json, write_json
from foolscape.run.directory.store import open_run
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.write import write_slices
from foolscape.run.summary import summarise
from foolscape.run.transfer import matrix
from foolscape.run.universal import summary as universal
from foolscape.run.universal.config import MAIN, UniversalConfig
from foolscape.run.universal.targets import Hide
from rows import CLASSES, DRAWN, SCORE, detected, pixels, record_of, truth_in

Draw = np.random.Generator
NETS: Final = ("one", "two")
FRAMES: Final = 30
_ID: Final = "the id of an image"
_SIZE: Final = (512, 1024)
_TRUSTED: Final = {"verdict": "trusted", "reasons": [], "if": []}
_UNIVERSAL: Final = UniversalConfig(
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
        config=_UNIVERSAL.model_dump(mode="json"), models=record.models, algorithms={}, versions={}, device="cpu",
        seed=0, tile=(8, 8), start_sha256=None, target_sha256=None, train=Split(samples=1, sha256=""),
        test=Split(samples=images, sha256=""), samples=record.samples,
    )  # fmt: skip


Kinds = Callable[[str, int], AnyRecord]
RECORDS: Final[dict[str, Kinds]] = {
    "run": record_of,
    "transfer": transfer_of,
    "universal": universal_of,
    "clips": lambda _, images: run_of_clips(images),
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

    def image(self) -> tuple[Truth | None, list[list[AnyRow]], list[Traits]]:
        """The truth of an image, its rows by model, and what slices take from its pictures."""
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
    """Write a directory of made rows."""
    record = RECORDS[kind](task, images)
    directory.mkdir(parents=True)
    write_json(directory, RUN, as_json(record))
    save_file({"tile": np.full((3, 8, 8), 0.02, np.float32)}, directory / "perturbation.safetensors")
    forms, drawing = forms_of(record), Drawing(record, task, np.random.default_rng(0))
    drawn = [drawing.image() for _ in range(min(images, DRAWN))]
    texts = [[b"".join(line_bytes(row, forms) for row in own) for own in rows] for _, rows, _ in drawn]
    of_slices = directory / RUNS / NETS[0] if kind == "transfer" else directory
    of_slices.mkdir(parents=True, exist_ok=True)
    with (directory / ROWS).open("wb") as file, (of_slices / TRAITS).open("wb") as traits:
        for place, model in enumerate(record.models):
            for number, sample in enumerate(record.samples):
                truth, _, known = drawn[number % DRAWN]
                if truth is not None:
                    where = directory / forms.truth_place(directory, model.model, sample.id)
                    where.parent.mkdir(parents=True, exist_ok=True)
                    where.write_bytes(truth_bytes(task, truth))
                own = sample.id.encode()
                file.write(texts[number % DRAWN][place].replace(_ID.encode(), own))
                traits.write(traits_bytes(known[place]).replace(_ID.encode(), own))


def _network(model: ModelRecord) -> Any:
    subject = SimpleNamespace(spec=model.model, slug=model.slug)
    entry = SimpleNamespace(subject=subject, classes=model.classes, plan=None, plans=())
    config = SimpleNamespace(eval_classes=None, seed=0, data="made")
    return SimpleNamespace(
        entry=entry, config=config, slug=model.slug, task=model.task, labelled=model.channels is not None,
        setup=SimpleNamespace(entries=[entry], why=None), universal_task=SimpleNamespace(aim=Hide(0, "nearest")),
    )  # fmt: skip


def summed(directory: Path) -> Path:
    """The summary of whatever it is."""
    record = read_record(directory)
    if isinstance(record, RunRecord):
        with open_run(directory, record, record.conditions) as store:
            store.finish(SUMMARY, summarise(record, store.rows))
        return directory / SUMMARY
    networks = [_network(model) for model in record.models]
    if isinstance(record, TransferRecord):
        lines = matrix.disturbances_of(NETS, ())
        with open_run(directory, record, [one.name for one in lines]) as store:
            verdicts = dict.fromkeys(NETS, _TRUSTED)
            store.finish(MATRIX, matrix.summarise(store, networks, (), lines, verdicts))
        return directory / MATRIX
    epochs = SimpleNamespace(epochs=(SimpleNamespace(loss=1.0, moved=0.5, stayed=0.9),) * 2)
    setup: Any = SimpleNamespace(models=networks, test_ids=record.ids, train_ids=("a",))
    training = TrainingRecord(schema=SCHEMA, images=("a",), failures=(), showing=1)
    learnt: Any = {MAIN: epochs}
    with open_run(directory, record, CONDITIONS) as store:
        store.finish(SUMMARY, universal.summarise(_UNIVERSAL, setup, training, learnt, store))
    return directory / SUMMARY


def sliced(directory: Path) -> Path:
    run = sliced_in(directory)
    assert run is not None
    write_slices(directory, run, Given({}), print)
    return directory / SLICES


def paged(directory: Path) -> Path:
    record = read_record(directory)
    if isinstance(record, TransferRecord):
        return write_transfer_report(directory)
    return (write_universal_report if isinstance(record, UniversalRecord) else write_report)(directory)


STEPS: Final[dict[str, Callable[[Path], Path]]] = {"summary": summed, "slices": sliced, "page": paged}


def timed(directory: Path, steps: Sequence[str]) -> Iterator[dict[str, object]]:
    """Each step in a process of its own."""
    for step in steps:
        command = [sys.executable, __file__, "--step", step, str(directory)]
        yield json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", help=f"{', '.join(RECORDS)}; with --step a directory")
    parser.add_argument("--task", default="detection", help="segmentation or detection; of clips it is video")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", default="summary,slices,page")
    parser.add_argument("--in", dest="folder", type=Path, help="where it is, or is to be; default: removed again")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        began, spent = time.perf_counter(), time.process_time()
        written = STEPS[options.step](Path(options.kind))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        digest = hashlib.sha256(written.read_bytes()).hexdigest()[:12]
        print(json.dumps({"step": options.step, "s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_MB": round(peak),
                          "sha256": digest}))  # fmt: skip
        return
    task = "video" if options.kind == "clips" else options.task
    with TemporaryDirectory() as temporary:
        directory = options.folder or Path(temporary) / "run"
        if not directory.exists():
            make(directory, options.kind, task, options.images)
        size = (directory / ROWS).stat().st_size / 1e6
        print(f"{options.kind}, {task}, {options.images:,} images, {size:,.0f} MB of rows", flush=True)
        for line in timed(directory, options.steps.split(",")):
            print("  ", line, flush=True)


if __name__ == "__main__":
    main()
