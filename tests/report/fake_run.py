"""A run directory as docs/design.md describes it, written without a model: what a report is made from."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.distortion import distortion
from foolscape.metrics.intervals import interval
from foolscape.metrics.segmentation import Counts, count, iou_per_class, mean_iou, pixel_accuracy, stack, total
from foolscape.metrics.tasks.segmentation import SEGMENTATION

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
    directory.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    models = []
    for position, spec in enumerate(plan.models):
        counts: dict[str, list[Counts]] = {}
        for number, picture in enumerate(plan.pictures):
            rows += _measure(directory, plan, spec, picture, 100 * position + number, counts)
        models.append(_model(plan, spec, [row for row in rows if row["slug"] == slug(spec)], counts))
    rows += [{**failure, "slug": None, "condition": "failed"} for failure in plan.failures]
    summary = {
        "schema": 1,
        "task": "segmentation",
        "reference": plan.reference,
        "conventions": {
            **SEGMENTATION.conventions,
            "claimed_rate": "Claimed: before rounding.",
            "odd": "Odd: only here.",
        },
        "data": {"spec": "folder:photos", "split": "test", "samples": len(plan.pictures)},
        "attack": {"name": plan.attack},
        "models": models,
        "failures": list(plan.failures),
    }
    _dump(directory / "run.json", _settings(plan))
    (directory / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    _dump(directory / "summary.json", summary)
    return directory


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _settings(plan: Plan) -> dict[str, Any]:
    return {
        "schema": 1,
        "foolscape": "0.1.0",
        "command": ["foolscape", "run", "--model", plan.models[0], "--data", "folder:photos", "--attack", plan.attack],
        "config": {"models": list(plan.models), "batch": 8, "device": "auto", "seed": 7},
        "task": "segmentation",
        "reference": plan.reference,
        "models": [
            {
                "model": spec,
                "slug": slug(spec),
                "classes": list(plan.classes),
                "colours": [list(colour) for colour in plan.colours],
                "weights_sha256": "9f2c" * 16,
                "notes": ["scores upsampled x4, bilinear"],
                "gradient": {"max": 0.013, "finite": True},
            }
            for spec in plan.models
        ],
        "data": {"spec": "folder:photos", "split": "test", "classes": None, "samples": len(plan.pictures),
                 "sha256": "41ab" * 16, "notes": []},
        "samples": [{"id": picture.id, "name": slug(picture.id)} for picture in plan.pictures],
        "attack": {"name": plan.attack, "source": "Xie et al. 2017, algorithm 1", "eps": None, "step": "0.5/255",
                   "steps": 200, "stop": 0.01, "random_start": False},
        "versions": {"python": "3.11.7", "torch": "2.11.0", "torchvision": "0.26.0", "numpy": "2.4.6"},
        "seed": 7,
        "started": "2026-03-02T10:15:00+00:00",
    }  # fmt: skip


def _measure(
    directory: Path, plan: Plan, spec: str, picture: Picture, seed: int, counts: dict[str, list[Counts]]
) -> list[dict[str, Any]]:
    rng, name = np.random.default_rng(seed), slug(picture.id)
    change = np.clip(rng.normal(0, 1.4, picture.image.shape).round(), -4, 4).astype(np.int16)
    attacked = np.clip(picture.image + change, 0, 255).astype(np.uint8)
    _save(directory / "clean" / name, picture.image)
    if plan.reference == "truth":
        _save(directory / "truth" / name, picture.truth)
    rows = []
    guesses = {}
    for condition, wrong in WRONG.items():
        if plan.attack == "none" and condition != "clean":
            continue
        held = 0.15 * (seed % 7) if condition.startswith("adversarial") else 0.0
        guesses[condition] = _predict(picture.truth, wrong - held, len(plan.classes), plan.block, rng)
        reference = picture.truth if plan.reference == "truth" else guesses["clean"]
        found = count(guesses[condition], reference, len(plan.classes))
        counts.setdefault(condition, []).append(found)
        if condition == "adversarial_float":
            rows[-1]["in_float"] = {"counts": found.to_json()}
            continue
        _save(directory / "predictions" / slug(spec) / condition / name, guesses[condition], plan.colours)
        rows.append({"model": spec, "slug": slug(spec), "id": picture.id, "name": name, "condition": condition,
                     "size": list(picture.truth.shape), "counts": found.to_json()})  # fmt: skip
        if condition == "adversarial":
            _save(directory / "images" / slug(spec) / name, attacked)
            rows[-1]["distortion"] = distortion(picture.image, attacked).to_json()
            rows[-1]["attack"] = {"success": seed % 7 == 0, "claimed": True, "iterations": 20 + 11 * (seed % 7),
                                  "left": 3, "targets": 1120, "seconds": 1.5}  # fmt: skip
    return rows


def _predict(
    truth: NDArray[np.uint8], wrong: float, classes: int, block: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    height, width = truth.shape
    small = rng.random((-(-height // block), -(-width // block)))
    mask = np.kron(small, np.ones((block, block)))[:height, :width] < wrong
    return np.where(mask, (truth + 1) % classes, np.where(truth == 255, 0, truth)).astype(np.uint8)


def _model(plan: Plan, spec: str, rows: list[dict[str, Any]], counts: dict[str, list[Counts]]) -> dict[str, Any]:
    model: dict[str, Any] = {
        "model": spec,
        "slug": slug(spec),
        "notes": ["scores upsampled x4, bilinear"],
        "samples": len(plan.pictures),
        "conditions": {name: _scores(found, plan.classes) for name, found in counts.items()},
        "seconds_per_image": 1.5,
    }
    hit = [row for row in rows if row["condition"] == "adversarial"]
    if hit:
        steps = [row["attack"]["iterations"] for row in hit]
        keys = ("linf_levels", "l2", "perceptibility", "ssim")
        model["distortion"] = {key: float(np.mean([row["distortion"][key] for row in hit])) for key in keys}
        model["success_rate"] = 100 * float(np.mean([row["attack"]["success"] for row in hit]))
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
    image.save(f"{path}.png")
