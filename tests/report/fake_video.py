"""A run directory of a video run, written without a model: discs that move, and a tracker that loses them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.distortion import distortion
from foolscape.metrics.tasks.video import DAVIS, YOUTUBE_VOS
from foolscape.metrics.video import ClipScores, measure_davis
from foolscape.metrics.youtube_vos import measure_youtube_vos
from tests.metrics.scored import score_davis, score_youtube_vos

from .fake_run import slug

Pixels = NDArray[np.uint8]
COLOURS = [[0, 0, 0], [220, 40, 40], [40, 180, 60], [230, 190, 30], *([k, 255 - k, 128] for k in range(4, 256))]
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
    directory.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for number in range(len(plan.ids)):
        _pictures(directory, plan, number)
        for model in plan.models:
            rows += _rows(directory, plan, model, number)
    models = [_model(plan, model, [row for row in rows if row["model"] == model]) for model in plan.models]
    rows += [{**failure, "slug": None, "condition": "failed"} for failure in plan.failures]
    record = _record(plan)
    conventions = (DAVIS if plan.measure == "davis" else YOUTUBE_VOS).conventions
    summary = {
        "schema": 1, "task": "video", "reference": plan.reference, "conventions": dict(conventions),
        "data": record["data"], "attack": record["attack"], "models": models, "failures": list(plan.failures),
    }  # fmt: skip
    (directory / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (directory / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (directory / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return directory


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
    name, truth = slug(plan.ids[number]), truth_of(plan, number)
    for index, frame in enumerate(plan.names):
        image = photo(plan, truth[index], number)
        _save(directory / "frames" / name / f"{frame}.jpg", Image.fromarray(image), quality=92)
        if index == 0:
            _save(directory / "clean" / f"{name}.png", Image.fromarray(image))
        if plan.reference == "truth" and index in plan.judged:
            _save_labels(directory / "truth" / name / f"{frame}.png", truth[index])


def _rows(directory: Path, plan: Plan, model: str, number: int) -> list[dict[str, Any]]:
    name, rows = slug(plan.ids[number]), []
    for condition in ("clean",) if plan.attack == "none" else LOST:
        guess = guess_of(plan, number, condition)
        for frame, labels in zip(plan.names, guess, strict=True):
            _save_labels(directory / "predictions" / slug(model) / condition / name / f"{frame}.png", labels)
        measured = _measured(plan, number, guess).to_json()
        row: dict[str, Any] = {"model": model, "slug": slug(model), "id": plan.ids[number], "name": name,
                               "condition": condition, "size": list(plan.size), **measured}  # fmt: skip
        if condition == "clean":
            row |= {"frames": plan.names}
            row |= {"judged": plan.judged} if plan.every > 1 else {}
        if condition == "adversarial":
            row |= _attacked(directory, plan, model, number) | {"in_float": measured}
        rows.append(row)
    return rows


def _attacked(directory: Path, plan: Plan, model: str, number: int) -> dict[str, Any]:
    image = photo(plan, truth_of(plan, number)[0], number)
    change = np.random.default_rng(number).integers(-8, 9, image.shape)
    attacked = np.clip(image + change, 0, 255).astype(np.uint8)
    _save(directory / "images" / slug(model) / f"{slug(plan.ids[number])}.png", Image.fromarray(attacked))
    return {
        "distortion": distortion(image, attacked).to_json(),
        "attack": {"success": None if number == 1 else number == 0, "claimed": True, "iterations": 40, "left": 0,
                   "targets": 60, "seconds": 0.5},
    }  # fmt: skip


def _measured(plan: Plan, number: int, guess: Pixels) -> ClipScores:
    reference = truth_of(plan, number) if plan.reference == "truth" else guess_of(plan, number, "clean")
    if plan.measure == "davis":
        return measure_davis(guess[plan.judged], reference[plan.judged])
    return measure_youtube_vos(guess[plan.judged], reference[plan.judged], plan.categories)


def _model(plan: Plan, model: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"model": model, "slug": slug(model), "notes": [], "samples": len(plan.ids),
                             "seconds_per_image": 0.5, "conditions": {}}  # fmt: skip
    for condition in dict.fromkeys(row["condition"] for row in rows):
        clips = {row["id"]: ClipScores.from_json(row) for row in rows if row["condition"] == condition}
        if plan.measure == "davis":
            found["conditions"][condition] = score_davis(clips, seed=0)
        else:
            found["conditions"][condition] = score_youtube_vos(clips, plan.seen, seed=0)
    hit = [row for row in rows if row["condition"] == "adversarial"]
    if hit:
        found["conditions"]["adversarial_float"] = found["conditions"]["adversarial"]
        found["distortion"] = {key: float(np.mean([row["distortion"][key] for row in hit])) for key in
                               ("linf_levels", "l2", "perceptibility", "ssim")}  # fmt: skip
        found |= {"success_rate": 50.0, "claimed_rate": 100.0, "iterations": {"mean": 40.0, "max": 40}}
    return found


def _record(plan: Plan) -> dict[str, Any]:
    attack: dict[str, Any] = {"name": plan.attack}
    if plan.attack != "none":
        attack |= {"variant": "ours", "source": "Li et al. 2023", "eps": "8/255", "window": 10, "labels_from": "truth"}
    return {
        "schema": 1, "foolscape": "0.1.0", "task": "video", "reference": plan.reference, "seed": 7,
        "command": ["foolscape", "run", "--task", "video", "--model", plan.models[0], "--attack", plan.attack],
        "started": "2026-03-02T10:15:00+00:00", "config": {"models": list(plan.models), "seed": 7},
        "models": [
            {"model": model, "slug": slug(model), "classes": [], "colours": COLOURS, "weights_sha256": "9f2c" * 16,
             "notes": []}
            for model in plan.models
        ],
        "data": {"spec": "davis:folder", "split": "val", "classes": None, "samples": len(plan.ids), "notes": []},
        "samples": [{"id": name, "name": slug(name)} for name in plan.ids],
        "attack": attack,
        "versions": {"python": "3.11.7", "torch": "2.11.0"},
    }  # fmt: skip


def _save(path: Path, image: Image.Image, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def _save_labels(path: Path, labels: Pixels) -> None:
    image = Image.fromarray(labels, mode="P")
    image.putpalette([part for colour in COLOURS for part in colour])
    _save(path, image)
