"""A run directory of a detection run, written without a model; its summary is made as a real run makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.distortion import distortion
from foolscape.metrics.tasks.detection import standing_in
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS
from foolscape.records.places import Kind, place_of
from foolscape.records.row import AnyRow, Line, Row, failure
from foolscape.records.run import RunRecord
from foolscape.run.summary import summarise

from ..written import attack_result, model_record, run_record, write_run, write_truth
from .fake_run import slug

CLASSES = ("car", "bicycle", "person", "sign")
COLOURS = ((0, 0, 142), (119, 11, 32), (220, 20, 60), (220, 220, 0))
NOWHERE = (0.02, 0.02, 0.12, 0.1)
"""Where a fabricated box stands, as shares of the image: no object is there."""


@dataclass(frozen=True)
class Plan:
    """What the run did; image n has n + 1 objects, and the attack leaves the last n // 2 of them alone."""

    ids: Sequence[str] = ("a b/1.png", "é", "0003")
    models: Sequence[str] = ("bundled:street-boxes",)
    classes: Sequence[str] = CLASSES
    attack: str = "dag"
    goal: str = "mislabel"
    only_class: str | None = None
    reference: str = "truth"
    size: tuple[int, int] = (60, 80)
    failures: Sequence[dict[str, Any]] = field(default_factory=tuple)


def write(directory: Path, plan: Plan) -> Path:
    rows: list[Line] = []
    for model in plan.models:
        for n in range(len(plan.ids)):
            rows += _rows(directory, plan, model, n)
    rows += [failure(one["model"], one["id"], one["reason"]) for one in plan.failures]
    record = _record(plan)
    return write_run(directory, record, rows, summarise(record, rows))


def truth_of(plan: Plan, number: int) -> Truth:
    """`number` + 1 objects in a row, side by side, of the classes in turn."""
    height, width = plan.size
    count = number + 1
    left = np.linspace(0.15, 0.95, count, endpoint=False)
    boxes = np.stack([left, 0.4 + 0 * left, left + 0.7 / count, 0.55 + 0.1 * (np.arange(count) % 4)], axis=1)
    none = np.zeros(count, np.bool_)
    boxes = boxes * [width, height, width, height]
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Truth(boxes, np.arange(count, dtype=np.int64) % 4, none, none, area)


def found_of(plan: Plan, number: int, condition: str) -> Detected:
    """Every object, a little to the right; under attack what its goal wants."""
    truth = truth_of(plan, number)
    boxes, labels = truth.boxes + 0.01 * plan.size[1], truth.labels.copy()
    scores = np.linspace(0.95, 0.5, len(labels))
    if condition == "adversarial":
        touched = np.arange(len(labels)) < len(labels) - number // 2
        if plan.only_class is not None:
            touched = labels == plan.classes.index(plan.only_class)
        if plan.goal == "mislabel":
            labels = np.where(touched, (labels + 1) % len(plan.classes), labels)
        elif plan.goal == "vanish":
            boxes, labels, scores = boxes[~touched], labels[~touched], scores[~touched]
    if condition == "adversarial" and plan.goal == "fabricate":
        extra = np.array([NOWHERE]) * [*plan.size[::-1], *plan.size[::-1]]
        boxes, labels, scores = np.vstack([boxes, extra]), np.append(labels, 3), np.append(scores, 0.4)
    order = np.argsort(-scores, kind="stable")
    return Detected(boxes[order], scores[order], labels[order].astype(np.int64))


def _rows(directory: Path, plan: Plan, model: str, number: int) -> list[AnyRow]:
    name, truth = plan.ids[number], truth_of(plan, number)
    image = photo(plan, number)
    attacked = np.clip(image + np.random.default_rng(number).integers(-3, 4, image.shape), 0, 255).astype(np.uint8)
    _save(directory / place_of(Kind.IMAGE, name), image)
    if plan.reference == "truth":
        write_truth(directory, "detection", name, truth)
    else:
        truth = standing_in(found_of(plan, number, "clean"))
    rows = []
    for condition in (CLEAN,) if plan.attack == "none" else CONDITIONS:
        row: AnyRow = Row(model=model, id=name, condition=condition, size=plan.size,
                          measured=found_of(plan, number, condition), truth=truth)  # fmt: skip
        if condition == ADVERSARIAL:
            _save(directory / place_of(Kind.IMAGE, name, slug(model), ADVERSARIAL), attacked)
            success = None if number == 1 else number == 0
            row = replace(
                row, distortion=distortion(image, attacked), attack=attack_result(success), in_float=row.measured
            )
        rows.append(row)
    return rows


def photo(plan: Plan, number: int) -> NDArray[np.uint8]:
    """A grey ramp with the objects as plain blocks."""
    height, width = plan.size
    ramp = np.linspace(90, 190, height)[:, None, None] * np.ones((1, width, 3))
    for label, (x1, y1, x2, y2) in enumerate(truth_of(plan, number).boxes.astype(int)):
        ramp[y1:y2, x1:x2] = 60 + 40 * (label % 4)
    return ramp.astype(np.uint8)


def _record(plan: Plan) -> RunRecord:
    attack: dict[str, Any] = {"name": plan.attack, "title": plan.attack.upper()}
    if plan.attack != "none":
        attack |= {"source": "Xie et al. 2017, algorithm 1", "eps": None, "steps": 200, "goal": plan.goal,
                   "only_class": plan.only_class}  # fmt: skip
    models = [
        model_record(model, "detection", slug=slug(model), classes=tuple(plan.classes), colours=COLOURS,
                     notes=("the background row is zero",), labelled=plan.reference == "truth")
        for model in plan.models
    ]  # fmt: skip
    command = ("foolscape", "run", "--model", plan.models[0], "--attack", plan.attack)
    return run_record(
        models,
        plan.ids,
        attack,
        command=command,
        config={"models": list(plan.models), "data": "folder:photos", "seed": 7, "attack": plan.attack, "options": {}},
    )


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
