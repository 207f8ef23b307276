"""Detectors that are wired wrongly are named as what they are, and sound ones are not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foolscape.data.load import open_detection
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.tasks.detection import DETECTION
from foolscape.models.load import load_detector
from foolscape.records.types import Object as Record
from foolscape.run.settings.config import make_config
from foolscape.run.setup import open_setup
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.wiring import examine, wiring_reasons
from foolscape.run.wiring.detection import DetectionTrial, suppressed
from foolscape.run.wiring.judge import Court
from foolscape.verdict import Reason

from .made import FED, Fed, with_predictions

IDS = tuple(f"test-{i:06d}" for i in range(8))
SIDES = np.array([256, 160, 256, 160])


@pytest.fixture(scope="module")
def subject() -> DetectionSubject:
    data = open_detection("scenes:", split="test")
    model = load_detector("bundled:scenes-detector", image_size=(160, 256), data_classes=data.classes).model
    return DetectionSubject("net.py:build", "net", model, tuple(range(4)), data, None, torch.device("cpu"))


@pytest.fixture(scope="module")
def trial(subject: DetectionSubject) -> DetectionTrial:
    return DetectionTrial(subject, [subject.load(name) for name in IDS])


def judged(trial: Any) -> Record:
    """The record of what needs no further pass."""
    record = Court(DETECTION, trial.classes, 0).judged(trial.clean(), trial.floor(), trial.free())
    for won in record["rivals"]:
        rival = next(one.rival for one in trial.free() if one.rival.id == won["id"])
        won["advice"] = rival.advice
    return record


def reason_of(record: Record) -> Reason:
    (reason,) = wiring_reasons(record)
    return reason


def boxes(change: Callable[[Any], Any]) -> Callable[[Detected], Detected]:
    return lambda found: replace(found, boxes=change(found.boxes))


def labels(change: Callable[[Any], Any]) -> Callable[[Detected], Detected]:
    return lambda found: replace(found, labels=change(found.labels))


def sides(b: Any) -> Any:
    return b[:, 2:] - b[:, :2]


def test_a_sound_detector_is_not_accused(subject: DetectionSubject) -> None:
    reason = reason_of(examine(subject, IDS, 0))
    assert reason.ok, reason
    assert "for its boxes on another image; no likely mistake of wiring scores higher" in reason.seen


@pytest.mark.parametrize("mistake", ["BGR", "/ 255"])
def test_wrong_input_is_named(subject: DetectionSubject, mistake: str) -> None:
    change, remedy = FED[mistake]
    detector: Any = subject.detector
    wrong = replace(subject, detector=replace(detector, module=Fed(detector.module, change)))
    # What costs some images little and others much takes more of them to be sure.
    ids = [f"test-{i:06d}" for i in range(16)] if mistake == "BGR" else IDS
    reason = reason_of(examine(wrong, ids, 0))
    assert reason.ok is False, reason
    assert reason.advice.startswith(f"add --input {remedy}, or ?"), reason


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (boxes(lambda b: np.c_[b[:, :2], sides(b)]), "with its boxes read as xywh it would be"),
        (boxes(lambda b: np.c_[(b[:, :2] + b[:, 2:]) / 2, sides(b)]), "with its boxes read as cxcywh it would be"),
        (boxes(lambda b: b[:, [1, 0, 3, 2]]), "with its boxes read as yxyx it would be"),
        (boxes(lambda b: b / SIDES), "with its boxes read as xyxy in shares of the image it would be"),
        (boxes(lambda b: np.c_[b[:, :2], sides(b)] / SIDES), "as xywh in shares of the image it would be"),
        (boxes(lambda b: b * SIDES), "with its boxes not taken for shares of the image it would be"),
        (boxes(lambda b: np.c_[b[:, :2], b[:, :2] + b[:, 2:]]), "not taken for x, y, width and height it would be"),
        (labels(lambda n: (n + 1) % 4), "as of a network with the background first it would be"),
        (labels(lambda n: (n - 1) % 4), "as of a network with the background last it would be"),
        (labels(lambda n: np.array([2, 1, 0, 3])[n]), "with the classes numbered otherwise it would be"),
    ],
)
def test_boxes_and_labels_that_are_read_wrongly_are_named(
    trial: DetectionTrial, change: Callable[[Detected], Detected], says: str
) -> None:
    reason = reason_of(judged(with_predictions(trial, change)))
    assert reason.ok is False, reason
    assert says in reason.seen


def test_boxes_that_are_nowhere_near_are_no_detections(trial: DetectionTrial) -> None:
    wrong = with_predictions(trial, boxes(lambda b: b + np.array([97, 0, 97, 0])))
    reason = reason_of(judged(wrong))
    assert reason.ok is False
    assert "no better than" in reason.seen


def test_labels_by_ids_of_coco_are_named(subject: DetectionSubject) -> None:
    """80 classes with the truth by their numbers, detections by the category ids less one, and the other way round."""
    from foolscape.run.wiring.detection import COCO_IDS

    rng = np.random.default_rng(0)

    def case(i: int, named: Any, numbered: Any) -> EvalSample[Truth, Detected]:
        classes = rng.choice(80, 12, replace=False)
        corner = rng.uniform(0, 60, (12, 2)) * 2
        placed = np.concatenate([corner, corner + 20], axis=1)
        none = np.zeros(12, np.bool_)
        truth = Truth(placed, named[classes], none, none, np.full(12, 400.0))
        return EvalSample(
            str(i),
            np.zeros((160, 160, 3), np.uint8),
            (),
            truth,
            Detected(placed, rng.random(12), numbered[classes]),
        )

    class Named:
        classes = tuple(f"class {i}" for i in range(90))
        notes = ()

    wide: Any = replace(subject, detector=Named())  # type: ignore[arg-type]
    numbers = np.arange(80)
    for named, numbered, says in (
        (numbers, COCO_IDS - 1, "with its labels read as COCO's category ids it would be 100.0"),
        (COCO_IDS - 1, numbers, "with its labels read as numbers of COCO's 80 classes it would be 100.0"),
    ):
        reason = reason_of(judged(DetectionTrial(wide, [case(i, named, numbered) for i in range(8)])))
        assert reason.ok is False
        assert says in reason.seen


def test_overlapping_boxes_of_a_class_are_dropped() -> None:
    placed = np.array([[0.0, 0, 10, 10], [1, 0, 10, 10], [1, 0, 10, 10], [50, 50, 60, 60]])
    found = suppressed(Detected(placed, np.array([0.9, 0.8, 0.7, 0.1]), np.array([0, 0, 1, 0])))
    assert found.scores.tolist() == [0.9, 0.7, 0.1]


def test_without_labels_there_are_hints(subject: DetectionSubject) -> None:
    reason = reason_of(examine(replace(subject, channels=None), IDS[:2], 0))
    assert (reason.ok, reason.assumed) == (None, "the clean predictions are right")
    assert "% of the boxes are the same after a shift by 2 pixels" in reason.seen


@pytest.mark.slow
@pytest.mark.parametrize(("options", "ok"), [("", True), ("?range=255", False), ("?boxes=xywh", False)])
def test_fastestdet_on_coco(real: Path, options: str, ok: bool) -> None:
    config = make_config(
        {
            "models": [f"{real / 'models/fastestdet.py'}:fastestdet_coco{options}"],
            "data": f"coco:{real / 'data/coco_val_mini'}",
            "size": "352x352",
            "limit": 16,
            "attack": "none",
            "task": "detection",
        }
    )
    bench = open_setup(config, torch.device("cpu"))
    reason = reason_of(examine(bench.entries[0].subject, bench.ids, 0))
    assert reason.ok is ok, reason
