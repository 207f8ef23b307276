"""What it takes to sum up a run of many images: made rows, no model and no pictures.

    python benchmarks/rows.py segmentation --images 250000      # four rows each: 1,000,000 rows
    python benchmarks/rows.py detection --images 10000
    python benchmarks/rows.py detection --images 1000 --steps open,summary,slices,page

Rows of 1,000 images are drawn by seed, and come again by other names: segmentation of 19 classes, and detection of 9
classes with some 5 objects and 160 detections in each image, which come to 50 MB for 1,000 images. Each step runs in a
process of its own, which tells its seconds and its largest resident memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.distortion import Distortion
from foolscape.metrics.segmentation import Kept, PixelsMeasured
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS
from foolscape.records.places import ROWS, RUN, SUMMARY, Kind
from foolscape.records.reader import read_record, read_run
from foolscape.records.row import AnyRow, AttackResult, Control, Row
from foolscape.records.rows import forms_of, line_bytes, truth_bytes
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import DataRecord, ModelRecord, SampleRecord
from foolscape.report import write_report
from foolscape.run.directory.begun import as_json, write_json
from foolscape.run.directory.store import open_run
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.write import write_slices
from foolscape.run.summary import summarise

PIXELS: Final = 512 * 1024
CLASSES: Final = {"segmentation": 19, "detection": 9}
OBJECTS, DETECTIONS = 5, 160
DRAWN: Final = 1000
"""Images that are drawn; more are these again by other names."""
_ID: Final = "the id of an image"
SCORE: Final = {"clean": 0.9, "adversarial": 0.1, "permuted": 0.8, "noise": 0.85}


def record_of(task: str, images: int) -> RunRecord:
    """run.json of a run of one model."""
    classes = tuple(f"class {number}" for number in range(CLASSES[task]))
    labelled = task == "detection"
    model = ModelRecord(
        model="net", slug="net", task=task, classes=classes, channels=tuple(range(len(classes))) if labelled else None,
        truth=task if labelled else None, reference="truth" if labelled else "clean prediction", weights_sha256=None,
        identity={},
    )  # fmt: skip
    return RunRecord(
        schema=SCHEMA, foolscape="", command=("foolscape", "run"), config={"data": "made"}, models=(model,), started="",
        task=task, reference=model.reference, device="cpu", batch=1, seed=0, algorithms={}, versions={},
        data=DataRecord(spec="made", split=None, classes=classes, samples=images, sha256=""),
        samples=tuple(SampleRecord(id=f"image{number:07d}") for number in range(images)),
        attack={"name": "pgd", "eps": "8/255", "step": "1/255", "steps": 20},
    )  # fmt: skip


def pixels(rng: np.random.Generator, condition: str, before: PixelsMeasured | None) -> PixelsMeasured:
    """What a network scored on an image that shows a third of the classes."""
    if before is None:
        shown = rng.choice(CLASSES["segmentation"], 6, replace=False)
        counts = np.maximum(1, PIXELS * rng.dirichlet(np.ones(6))).astype(int)
        found = dict(zip(shown.tolist(), counts.tolist(), strict=True))
        return PixelsMeasured(found, found, Kept(sum(found.values()), sum(found.values())))
    hit = {label: int(n * SCORE[condition] * rng.random()) for label, n in before.predicted.items()}
    return PixelsMeasured(hit, before.predicted, Kept(sum(before.hit.values()), sum(hit.values())))


def truth_in(rng: np.random.Generator) -> Truth:
    """Some objects of an image of 512 x 1024 pixels."""
    number = 1 + rng.poisson(OBJECTS - 1)
    low = rng.random((number, 2)) * [900, 400]
    boxes = np.concatenate([low, low + 10 + rng.random((number, 2)) * 100], axis=1).round(1)
    none = np.zeros(number, np.bool_)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Truth(boxes, rng.integers(CLASSES["detection"], size=number), none, none, area)


def detected(rng: np.random.Generator, condition: str, truth: Truth) -> Detected:
    """Detections of most objects, a little beside them, and many that are false."""
    found = rng.random(len(truth.labels)) < SCORE[condition]
    own = truth.boxes[found] + rng.normal(0, 3, (int(found.sum()), 4))
    low = rng.random((DETECTIONS, 2)) * [900, 400]
    boxes = np.concatenate([own, np.concatenate([low, low + 10 + rng.random((DETECTIONS, 2)) * 100], axis=1)])
    scores = np.concatenate([0.3 + 0.7 * rng.random(len(own)), rng.random(DETECTIONS) ** 6])
    labels = np.concatenate([truth.labels[found], rng.integers(CLASSES["detection"], size=DETECTIONS)])
    order = np.argsort(-scores)
    boxes, scores = (values[order].astype(np.float32).astype(np.float64) for values in (boxes, scores))
    return Detected(boxes, scores, labels[order])


def rows_of_image(rng: np.random.Generator, task: str, name: str) -> tuple[Truth | None, list[AnyRow]]:
    """The truth of an image, where it is in a file, and its rows."""
    truth = truth_in(rng) if task == "detection" else None
    clean, rows = None, []
    for condition in CONDITIONS:
        measured = detected(rng, condition, truth) if truth is not None else pixels(rng, condition, clean)
        clean = measured if clean is None and isinstance(measured, PixelsMeasured) else clean
        row: AnyRow = Row(model="net", id=name, condition=condition, size=(512, 1024), measured=measured)
        if condition == ADVERSARIAL:
            moved = Distortion(8, 20 * rng.random(), 0.02 * rng.random(), 0.9)
            result = AttackResult(success=True, claimed=True, iterations=20, remaining=0, targets=100)
            row = replace(row, in_float=measured, distortion=moved, attack=result)
        elif condition != CLEAN:
            row = replace(row, control=Control(kind=condition, l2=20.0, of_attack=0.98, apart=1.4))
        rows.append(row)
    return truth, rows


def make(directory: Path, task: str, images: int) -> None:
    """Write a run of made rows."""
    record, rng = record_of(task, images), np.random.default_rng(0)
    directory.mkdir(parents=True)
    write_json(directory, RUN, as_json(record))
    forms = forms_of(record)
    drawn = [rows_of_image(rng, task, _ID) for _ in range(min(images, DRAWN))]
    texts = [b"".join(line_bytes(row, forms) for row in rows) for _, rows in drawn]
    with (directory / ROWS).open("wb") as file:
        for number, sample in enumerate(record.samples):
            truth = drawn[number % DRAWN][0]
            if truth is not None:
                place = directory / record.layout.place(Kind.LABELS, sample.id, task)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(truth_bytes(task, truth))
            file.write(texts[number % DRAWN].replace(_ID.encode(), sample.id.encode()))


def opened(directory: Path) -> None:
    """What a run does that goes on."""
    record = read_record(directory)
    assert isinstance(record, RunRecord)
    with open_run(directory, record, record.conditions):
        pass


def summed(directory: Path) -> None:
    """The summary of a run."""
    record = read_record(directory)
    assert isinstance(record, RunRecord)
    with open_run(directory, record, record.conditions) as store:
        store.finish(SUMMARY, summarise(record, store.rows))


def sliced(directory: Path) -> None:
    run = sliced_in(directory)
    assert run is not None
    write_slices(directory, run, Given({}), print)


def paged(directory: Path) -> None:
    write_report(directory)


def listed(directory: Path) -> None:
    read_run(directory)


STEPS: Final[dict[str, Callable[[Path], None]]] = {
    "open": opened, "summary": summed, "slices": sliced, "page": paged, "read": listed,
}  # fmt: skip


def timed(directory: Path, steps: list[str]) -> Iterator[dict[str, object]]:
    """Each step in a process of its own."""
    for step in steps:
        command = [sys.executable, __file__, "--step", step, str(directory)]
        yield json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", help="segmentation or detection; with --step a directory")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", default="open,summary", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--in", dest="folder", type=Path, help="where the run is, or is to be; default: removed again")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.task, options.images)
        return
    if options.step:
        began, spent = time.perf_counter(), time.process_time()
        STEPS[options.step](Path(options.task))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        found = {"step": options.step, "s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_MB": round(peak)}
        print(json.dumps(found))
        return
    with TemporaryDirectory() as temporary:
        directory = options.folder or Path(temporary) / "run"
        if not directory.exists():
            # In a process of its own, too: the largest memory of a process is that of the one that began it, at least.
            command = [sys.executable, __file__, options.task, f"--images={options.images}", f"--make={directory}"]
            subprocess.run(command, check=True)
        size = (directory / ROWS).stat().st_size / 1e6
        print(f"{options.task}, {options.images:,} images, {size:,.0f} MB of rows", flush=True)
        for line in timed(directory, options.steps.split(",")):
            print("  ", line, flush=True)


if __name__ == "__main__":
    main()
