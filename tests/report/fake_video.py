"""A run directory of a video run, written without a model: discs that move, and a tracker that loses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.distortion import distortion
from foolscape.metrics.tasks.video import DAVIS, YOUTUBE_VOS
from foolscape.metrics.video import ClipScores, measure_davis
from foolscape.metrics.youtube_vos import measure_youtube_vos
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS
from foolscape.records.places import Kind, place_of
from foolscape.records.row import AnyRow, Frames, Line, Row, failure, rows_of
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import DataRecord
from foolscape.records.types import to_json
from tests.metrics.scored import score_davis, score_youtube_vos

from ..written import attack_result, model_record, run_record, write_run
from .fake_run import slug

Pixels = NDArray[np.uint8]
COLOURS = [(0, 0, 0), (220, 40, 40), (40, 180, 60), (230, 190, 30), *((k, 255 - k, 128) for k in range(4, 256))]
CATEGORIES = {1: "dog", 2: "zebra"}
# How wrong the tracker gets by the end of a clip: it loses so much of each object.
LOST = {"clean": 0.05, "adversarial": 0.9, "permuted": 0.1, "noise": 0.08}


@dataclass(frozen=True)
class Plan:
    """What the run did; clip n holds the better under attack, the greater n."""

    ids: Sequence[str] = ("a b/1", "é", "0003")
    models: Sequence[str] = ("bundled:disc-tracker",)
    attack: str = "ara"
    reference: str = "truth"
    measure: str = "davis"
    seen: Sequence[str] = ("dog",)
    size: tuple[int, int] = (48, 64)
    frames: int = 8
    objects: int = 2
    every: int = 1
    """So many frames apart lie those that have a truth and count."""
    categories: Mapping[int, str] = field(default_factory=lambda: CATEGORIES)
    failures: Sequence[dict[str, Any]] = field(default_factory=tuple)

    @property
    def judged(self) -> list[int]:
        return list(range(0, self.frames, self.every))

    @property
    def names(self) -> list[str]:
        return [f"{index:05d}" for index in range(self.frames)]


def write(directory: Path, plan: Plan) -> Path:
    rows: list[Line] = []
    for number in range(len(plan.ids)):
        _pictures(directory, plan, number)
        for model in plan.models:
            rows += _rows(directory, plan, model, number)
    models = [_model(plan, model, rows_of(rows, model)) for model in plan.models]
    rows += [failure(one["model"], one["id"], one["reason"]) for one in plan.failures]
    record = _record(plan)
    conventions = (DAVIS if plan.measure == "davis" else YOUTUBE_VOS).conventions
    summary = {
        "schema": SCHEMA, "task": "video", "reference": plan.reference, "conventions": dict(conventions),
        "data": to_json(DataRecord, record.data), "attack": record.attack, "models": models,
        "failures": list(plan.failures),
    }  # fmt: skip
    return write_run(directory, record, rows, summary)


def truth_of(plan: Plan, number: int) -> Pixels:
    """(T, H, W): discs that go round in the frame, each at its own pace."""
    height, width = plan.size
    y, x = np.mgrid[:height, :width]
    maps = np.zeros((plan.frames, height, width), np.uint8)
    for t, frame in enumerate(maps):
        for label in range(1, plan.objects + 1):
            turn = 2 * np.pi * (label / plan.objects + 0.6 * t / plan.frames) + number
            centre = height * (0.5 + 0.22 * np.sin(turn)), width * (0.5 + 0.3 * np.cos(turn))
            frame[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (height * (0.1 + 0.03 * label)) ** 2] = label
    return maps


def guess_of(plan: Plan, number: int, condition: str) -> Pixels:
    """(T, H, W): the truth, more and more of it lost to one side, and stray pixels in its stead."""
    maps = truth_of(plan, number).copy()
    height, width = plan.size
    lost = LOST[condition] * (1 - (number / len(plan.ids) if condition == "adversarial" else 0))
    rng = np.random.default_rng(number)
    centres = rng.random((plan.objects, 2)) * [height, width]
    y, x = np.mgrid[:height, :width]
    for t, frame in enumerate(maps[1:], start=1):
        share = min(1.0, 3 * t / plan.frames) * lost
        for label in range(1, plan.objects + 1):
            rows, columns = np.nonzero(frame == label)
            gone = columns < columns.min() + share * (np.ptp(columns) + 1) if len(columns) else []
            frame[rows[gone], columns[gone]] = 0
            cy, cx = centres[label - 1]
            stray = (abs(y - cy) / height + abs(x - cx - t) / width < 0.18 * share) & (frame == 0)
            frame[stray] = label
    return maps


def photo(plan: Plan, labels: Pixels, number: int) -> Pixels:
    """(H, W, 3): discs of plain colours before a field of stripes."""
    height, width = labels.shape
    y, x = np.mgrid[:height, :width]
    field_ = 120 + 40 * np.sin((x + 2 * y) / 9 + number) + 20 * np.cos(y / 5)
    grain = np.random.default_rng(number).normal(0, 4, labels.shape)
    image = np.stack([field_ + grain, field_ * 0.9 + grain, field_ * 0.75 + grain], axis=2)
    for label in range(1, plan.objects + 1):
        image[labels == label] = (60 + 45 * label, 90, 190 - 40 * label)
    return np.clip(image, 0, 255).astype(np.uint8)


def _pictures(directory: Path, plan: Plan, number: int) -> None:
    """What does not depend on the model."""
    name, truth = plan.ids[number], truth_of(plan, number)
    for index, frame in enumerate(plan.names):
        image = photo(plan, truth[index], number)
        _save(directory / place_of(Kind.FRAME, name, frame=frame), Image.fromarray(image), quality=92)
        if index == 0:
            _save(directory / place_of(Kind.IMAGE, name), Image.fromarray(image))
        if plan.reference == "truth" and index in plan.judged:
            _save_labels(directory / place_of(Kind.TRUTH, name, "video", frame=frame), truth[index])


def _rows(directory: Path, plan: Plan, model: str, number: int) -> list[AnyRow]:
    name, rows = plan.ids[number], []
    for condition in (CLEAN,) if plan.attack == "none" else CONDITIONS:
        guess = guess_of(plan, number, condition)
        for frame, labels in zip(plan.names, guess, strict=True):
            _save_labels(directory / place_of(Kind.PREDICTION, name, slug(model), condition, frame), labels)
        measured = _measured(plan, number, guess)
        row: AnyRow = Row(model=model, id=name, condition=condition, size=plan.size, measured=measured)
        if condition == CLEAN:
            row = replace(row, frames=Frames(names=tuple(plan.names), judged=tuple(plan.judged)))
        if condition == ADVERSARIAL:
            row = replace(_attacked(directory, plan, row, number), in_float=measured)
        rows.append(row)
    return rows


def _attacked(directory: Path, plan: Plan, row: AnyRow, number: int) -> AnyRow:
    image = photo(plan, truth_of(plan, number)[0], number)
    change = np.random.default_rng(number).integers(-8, 9, image.shape)
    attacked = np.clip(image + change, 0, 255).astype(np.uint8)
    _save(directory / place_of(Kind.IMAGE, row.id, slug(row.model), ADVERSARIAL), Image.fromarray(attacked))
    success = None if number == 1 else number == 0
    return replace(row, distortion=distortion(image, attacked), attack=attack_result(success))


def _measured(plan: Plan, number: int, guess: Pixels) -> ClipScores:
    reference = truth_of(plan, number) if plan.reference == "truth" else guess_of(plan, number, "clean")
    if plan.measure == "davis":
        return measure_davis(guess[plan.judged], reference[plan.judged])
    return replace(
        measure_youtube_vos(guess[plan.judged], reference[plan.judged], plan.categories), seen=tuple(sorted(plan.seen))
    )


def _model(plan: Plan, model: str, rows: list[AnyRow]) -> dict[str, Any]:
    found: dict[str, Any] = {"model": model, "slug": slug(model), "notes": [], "samples": len(plan.ids),
                             "conditions": {}}  # fmt: skip
    for condition in dict.fromkeys(row.condition for row in rows):
        clips = {row.id: row.measured for row in rows_of(rows, condition=condition)}
        if plan.measure == "davis":
            found["conditions"][condition] = score_davis(clips, seed=0)
        else:
            found["conditions"][condition] = score_youtube_vos(clips, plan.seen, seed=0)
    hit = rows_of(rows, condition=ADVERSARIAL)
    if hit:
        found["conditions"]["adversarial_float"] = found["conditions"]["adversarial"]
        found["distortion"] = {key: float(np.mean([getattr(row.distortion, key) for row in hit])) for key in
                               ("linf_levels", "l2", "perceptibility", "ssim")}  # fmt: skip
        found |= {"success_rate": 50.0, "claimed_rate": 100.0, "iterations": {"mean": 40.0, "max": 40}}
    return found


def _record(plan: Plan) -> RunRecord:
    attack: dict[str, Any] = {"name": plan.attack, "title": plan.attack.upper()}
    if plan.attack != "none":
        attack |= {"variant": "ours", "source": "Li et al. 2023", "eps": "8/255", "window": 10, "labels_from": "truth"}
    models = [
        model_record(model, "video", slug=slug(model), classes=(), colours=tuple(COLOURS),
                     labelled=plan.reference == "truth")
        for model in plan.models
    ]  # fmt: skip
    command = ("foolscape", "run", "--task", "video", "--model", plan.models[0], "--attack", plan.attack)
    data = DataRecord(spec="davis:folder", split="val", classes=None, samples=len(plan.ids), sha256="41ab" * 16)
    config = {"models": list(plan.models), "seed": 7}
    return run_record(models, plan.ids, attack, command=command, config=config, data=data)


def _save(path: Path, image: Image.Image, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def _save_labels(path: Path, labels: Pixels) -> None:
    image = Image.fromarray(labels, mode="P")
    image.putpalette([part for colour in COLOURS for part in colour])
    _save(path, image)
