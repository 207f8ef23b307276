"""A run directory as docs/design.md describes it, written without a model: what a report is made from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.distortion import distortion
from foolscape.metrics.intervals import interval
from foolscape.metrics.segmentation import Counts, count, iou_per_class, mean_iou, pixel_accuracy, sparse, stack, total
from foolscape.metrics.tasks.segmentation import SEGMENTATION, sample_of
from foolscape.records.conditions import ADVERSARIAL, Condition
from foolscape.records.places import Kind, place_of
from foolscape.records.row import AnyRow, Line, Row, failure, rows_of
from foolscape.records.run import RunRecord
from foolscape.records.schema import SCHEMA

from ..written import attack_result, model_record, run_record, write_run, write_timings, write_truth

CLASSES = ("sky", "road", "building", "car")
COLOURS = ((70, 130, 180), (128, 64, 128), (70, 70, 70), (0, 0, 142))
# What a user might name things, to break a terminal, a page, a table or a document.
HOSTILE = '<script>alert("1")</script>\'&|_[red]\x1b[31m\\input{x}$%#'
# How much of an image is predicted wrongly under each condition; the attack leaves the less, the later the image.
WRONG = {"clean": 0.1, "adversarial": 0.95, "adversarial_float": 0.99, "permuted": 0.1, "noise": 0.12}


@dataclass(frozen=True)
class Picture:
    id: str
    image: NDArray[np.uint8]
    truth: NDArray[np.uint8]


@dataclass(frozen=True)
class Plan:
    pictures: Sequence[Picture]
    models: Sequence[str] = ("bundled:street-net",)
    classes: Sequence[str] = CLASSES
    colours: Sequence[Sequence[int]] = COLOURS
    attack: str = "dag"
    reference: str = "truth"
    failures: Sequence[dict[str, Any]] = field(default_factory=tuple)
    block: int = 4


def pictures(ids: Sequence[str], height: int = 30, width: int = 40) -> list[Picture]:
    rng = np.random.default_rng(0)
    found = []
    for name in ids:
        truth = np.zeros((height, width), np.uint8)
        truth[height // 2 :] = 1
        truth[5 : height // 2, 4:14] = 2
        truth[height // 2 : height // 2 + 5, 20:30] = 3
        truth[-2:] = 255
        found.append(Picture(name, rng.integers(20, 235, (height, width, 3), dtype=np.uint8), truth))
    return found


def slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]+", "-", text).strip("-")[:40] or "x"


def write(directory: Path, plan: Plan) -> Path:
    rows: list[Line] = []
    models = []
    for position, spec in enumerate(plan.models):
        counts: dict[str, list[Counts]] = {}
        own: list[AnyRow] = []
        for number, picture in enumerate(plan.pictures):
            own += _measure(directory, plan, spec, picture, 100 * position + number, counts)
        models.append(_model(plan, spec, own, counts))
        rows += own
    rows += [failure(one["model"], one["id"], one["reason"]) for one in plan.failures]
    summary = {
        "schema": SCHEMA,
        "task": "segmentation",
        "reference": plan.reference,
        "conventions": {
            **SEGMENTATION.conventions,
            "claimed_rate": "Claimed: before rounding.",
            "odd": "Odd: only here.",
        },
        "data": {"spec": "folder:photos", "split": "test", "samples": len(plan.pictures)},
        "attack": {"name": plan.attack, "title": plan.attack.upper()},
        "models": models,
        "failures": list(plan.failures),
    }
    write_timings(directory, {(row.model, row.id): 1.5 for row in rows_of(rows, condition=ADVERSARIAL)})
    return write_run(directory, _record(plan), rows, summary)


def _record(plan: Plan) -> RunRecord:
    labelled = plan.reference == "truth"
    models = [
        model_record(
            spec, slug=slug(spec), classes=tuple(plan.classes), colours=tuple(map(tuple, plan.colours)),
            notes=("scores upsampled x4, bilinear",), labelled=labelled,
        )
        for spec in plan.models
    ]  # fmt: skip
    return run_record(
        models,
        [picture.id for picture in plan.pictures],
        {"name": plan.attack, "title": plan.attack.upper(), "source": "Xie et al. 2017, algorithm 1", "eps": None,
         "step": "0.5/255", "steps": 200, "stop": 0.01, "random_start": False},
        command=("foolscape", "run", "--model", plan.models[0], "--data", "folder:photos", "--attack", plan.attack),
        config={"models": list(plan.models), "batch": 8, "device": "auto", "seed": 7},
        versions={"python": "3.11.7", "torch": "2.11.0", "torchvision": "0.26.0", "numpy": "2.4.6"},
    )  # fmt: skip


def _measure(
    directory: Path, plan: Plan, spec: str, picture: Picture, seed: int, counts: dict[str, list[Counts]]
) -> list[AnyRow]:
    rng, classes = np.random.default_rng(seed), len(plan.classes)
    change = np.clip(rng.normal(0, 1.4, picture.image.shape).round(), -4, 4).astype(np.int16)
    attacked = np.clip(picture.image + change, 0, 255).astype(np.uint8)
    _save(directory / place_of(Kind.IMAGE, picture.id), picture.image)
    if plan.reference == "truth":
        _save(directory / place_of(Kind.TRUTH, picture.id, "segmentation"), picture.truth)
        own = count(np.zeros_like(picture.truth), picture.truth, classes)
        write_truth(directory, "segmentation", picture.id, sparse(own.truth))
    rows: list[AnyRow] = []
    guesses = {}
    for condition, wrong in WRONG.items():
        if plan.attack == "none" and condition != "clean":
            continue
        held = 0.15 * (seed % 7) if condition.startswith("adversarial") else 0.0
        guesses[condition] = _predict(picture.truth, wrong - held, classes, plan.block, rng)
        reference = picture.truth if plan.reference == "truth" else guesses["clean"]
        found = count(guesses[condition], reference, classes)
        counts.setdefault(condition, []).append(found)
        sample = sample_of(picture.id, found)
        if condition == "adversarial_float":
            rows[-1] = replace(rows[-1], in_float=sample.measured)
            continue
        place = place_of(Kind.PREDICTION, picture.id, slug(spec), Condition(condition))
        _save(directory / place, guesses[condition], plan.colours)
        row: AnyRow = Row(model=spec, id=picture.id, condition=Condition(condition), size=picture.truth.shape,
                          measured=sample.measured, truth=sample.truth)  # fmt: skip
        if condition == "adversarial":
            _save(directory / place_of(Kind.IMAGE, picture.id, slug(spec), ADVERSARIAL), attacked)
            result = attack_result(seed % 7 == 0, iterations=20 + 11 * (seed % 7), remaining=3, targets=1120)
            row = replace(row, distortion=distortion(picture.image, attacked), attack=result)
        rows.append(row)
    return rows


def _predict(
    truth: NDArray[np.uint8], wrong: float, classes: int, block: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = truth.shape
    small = rng.random((-(-height // block), -(-width // block)))
    mask = np.kron(small, np.ones((block, block)))[:height, :width] < wrong
    return np.where(mask, (truth + 1) % classes, np.where(truth == 255, 0, truth)).astype(np.uint8)


def _model(plan: Plan, spec: str, rows: list[AnyRow], counts: dict[str, list[Counts]]) -> dict[str, Any]:
    model: dict[str, Any] = {
        "model": spec,
        "slug": slug(spec),
        "notes": ["scores upsampled x4, bilinear"],
        "samples": len(plan.pictures),
        "conditions": {name: _scores(found, plan.classes) for name, found in counts.items()},
    }
    hit = rows_of(rows, condition=ADVERSARIAL)
    if hit:
        steps = [row.attack.iterations for row in hit if row.attack]
        keys = ("linf_levels", "l2", "perceptibility", "ssim")
        model["distortion"] = {key: float(np.mean([getattr(row.distortion, key) for row in hit])) for key in keys}
        model["success_rate"] = 100 * float(np.mean([row.attack.success for row in hit if row.attack]))
        model["claimed_rate"] = 100.0
        model["iterations"] = {"mean": float(np.mean(steps)), "max": max(steps)}
    return model


def _scores(found: list[Counts], classes: Sequence[str]) -> dict[str, Any]:
    pooled, many = total(found), stack(found)
    ious = [float(iou) if np.isfinite(iou) else None for iou in iou_per_class(pooled)]
    ends = [interval(many, score, seed=0, least=2) for score in (mean_iou, pixel_accuracy)]
    return {
        "mIoU": float(mean_iou(pooled)),
        "pixel_accuracy": float(pixel_accuracy(pooled)),
        "per_class": dict(zip(classes, ious, strict=True)),
        "ci95": {
            key: [float(low), float(high)] for key, (low, high) in zip(("mIoU", "pixel_accuracy"), ends, strict=True)
        },
    }


def _save(path: Path, pixels: NDArray[np.uint8], colours: Sequence[Sequence[int]] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if colours is not None:
        image = Image.fromarray(pixels, mode="P")
        image.putpalette([channel for colour in colours for channel in colour])
    image.save(path)
