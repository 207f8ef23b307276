"""Segmentation models that are wired wrongly are named as what they are, and sound ones are not accused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foolscape.data.load import open_data
from foolscape.errors import ModelError
from foolscape.metrics.tasks.segmentation import SEGMENTATION
from foolscape.models.load import load_segmenter
from foolscape.records.types import Object as Record
from foolscape.run.settings.config import make_config
from foolscape.run.setup import open_setup
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.run.wiring import examine, wiring_reasons
from foolscape.run.wiring.judge import Court
from foolscape.run.wiring.segmentation import SegmentationTrial
from foolscape.verdict import Reason

from .made import FED, Fed, with_predictions

SIZE = (96, 160)
IDS = tuple(f"test-{i:06d}" for i in range(8))


@pytest.fixture(scope="module")
def subject() -> SegmentationSubject:
    data = open_data("scenes:", split="test")
    model = load_segmenter("bundled:scenes-unet", image_size=SIZE, data_classes=data.classes).model
    channels = tuple(range(9))
    return SegmentationSubject("net.py:build", "net", model, [], channels, data, SIZE, torch.device("cpu"))


@pytest.fixture(scope="module")
def trial(subject: SegmentationSubject) -> SegmentationTrial:
    return SegmentationTrial(subject, [subject.load(name) for name in IDS])


def judged(trial: Any) -> Record:
    """The record of what needs no further pass."""
    record = Court(SEGMENTATION, trial.classes, 0).judged(trial.clean(), trial.floor(), trial.free(), trial.elsewhere())
    for won in record["rivals"]:
        won["advice"] = next(one.rival.advice for one in trial.free() if one.rival.id == won["id"])
    return record


def reason_of(record: Record) -> Reason:
    (reason,) = wiring_reasons(record)
    assert reason.id == "clean-model"
    return reason


def test_a_sound_network_is_not_accused(subject: SegmentationSubject) -> None:
    record = examine(subject, IDS[:6], 0)
    reason = reason_of(record)
    assert reason.ok, reason
    assert record["images"] == 6
    assert "for building at every pixel; no likely mistake of wiring scores higher" in reason.seen
    assert record == examine(subject, IDS[:6], 0)


def test_a_single_image_neither_clears_nor_accuses(subject: SegmentationSubject) -> None:
    reason = reason_of(examine(subject, IDS[:1], 0))
    assert (reason.ok, reason.advice) == (None, "too few images to be sure: raise --limit")


@pytest.mark.parametrize("mistake", FED)
def test_wrong_input_is_named(subject: SegmentationSubject, mistake: str) -> None:
    change, remedy = FED[mistake]
    segmenter: Any = subject.segmenter
    wrong = replace(subject, segmenter=replace(segmenter, module=Fed(segmenter.module, change)))
    # What costs some images little and others much takes more of them to be sure.
    reason = reason_of(examine(wrong, IDS if mistake == "[-1, 1]" else IDS[:4], 0))
    assert reason.ok is False, reason
    assert reason.advice.startswith(f"add --input {remedy}, or ?"), reason


def test_classes_off_by_one_are_named(trial: SegmentationTrial) -> None:
    for offset, where in ((1, "first"), (-1, "last")):
        wrong = with_predictions(
            trial, lambda labels, offset=offset: ((labels.astype(int) + offset) % 9).astype(np.uint8)
        )
        reason = reason_of(judged(wrong))
        assert reason.ok is False
        assert f"as of a network with the background {where} it would be" in reason.seen


def test_classes_out_of_order_are_named_with_their_names(trial: SegmentationTrial) -> None:
    order = np.random.default_rng(3).permutation(9).astype(np.uint8)
    reason = reason_of(judged(with_predictions(trial, lambda labels: order[labels])))
    assert reason.ok is False
    assert "with the classes numbered otherwise it would be" in reason.seen
    given = dict(zip(reason.advice.partition("a line: ")[2].split(", "), range(9), strict=True))
    seen = {int(label) for case in trial.cases for label in np.unique(case.reference)}
    # Channel order[c] of this network is class c.
    assert all(given[trial.classes[c]] == order[c] for c in seen)


def test_an_answer_that_is_laid_out_by_columns_is_named(trial: SegmentationTrial) -> None:
    wrong = with_predictions(trial, lambda labels: np.ascontiguousarray(labels.T).reshape(labels.shape))
    assert "with height and width of its answer exchanged it would be" in reason_of(judged(wrong)).seen


def test_an_image_that_is_turned_is_named(subject: SegmentationSubject) -> None:
    segmenter: Any = subject.segmenter

    class Turned(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return segmenter.module(images.transpose(2, 3)).transpose(2, 3)

    wrong = replace(subject, segmenter=replace(segmenter, module=Turned()))
    assert "height and width of the image exchanged before the network" in reason_of(examine(wrong, IDS[:4], 0)).seen


@pytest.mark.parametrize("kind", ["one class", "chance"])
def test_no_better_than_a_constant_is_no_model(trial: SegmentationTrial, kind: str) -> None:
    rng = np.random.default_rng(0)
    change = {
        "one class": lambda labels: np.full_like(labels, 1),
        "chance": lambda labels: rng.integers(0, 9, labels.shape).astype(np.uint8),
    }[kind]
    reason = reason_of(judged(with_predictions(trial, change)))
    assert reason.ok is False, reason
    assert "no better than" in reason.seen


@pytest.mark.parametrize("kind", ["one class", "noise"])
def test_another_numbering_is_no_excuse_for_what_does_not_look_at_its_image(
    trial: SegmentationTrial, kind: str
) -> None:
    """The best class in the place of another is worth more, and so is a numbering by where in the image things are."""
    rng = np.random.default_rng(0)
    rows = np.linspace(0, 9, 96, endpoint=False).astype(np.uint8)[::-1, None]
    blurred = [
        np.broadcast_to((rows + rng.integers(0, 2, (96, 160))) % 9, (96, 160)).astype(np.uint8) for _ in range(8)
    ]
    cases = [
        replace(case, prediction=np.full_like(case.prediction, 3) if kind == "one class" else blurred[i])
        for i, case in enumerate(trial.cases)
    ]
    reason = reason_of(judged(replace(trial, cases=cases)))
    assert reason.ok is False, reason
    assert "no better than" in reason.seen


@pytest.mark.parametrize("way", [np.fliplr, np.flipud])
def test_a_mirrored_answer_is_named(trial: SegmentationTrial, way: Any) -> None:
    reason = reason_of(judged(with_predictions(trial, way)))
    assert reason.ok is False, reason
    assert ("mirrored" if way is np.fliplr else "upside down") in reason.seen


def test_the_labels_of_other_images_are_named(trial: SegmentationTrial) -> None:
    moved = [
        replace(case, reference=other.reference)
        for case, other in zip(trial.cases, [*trial.cases[1:], trial.cases[0]], strict=True)
    ]
    reason = reason_of(judged(replace(trial, cases=moved)))
    assert reason.ok is False, reason
    assert "for its answers on other images" in reason.seen
    assert "labels are those of these images" in reason.advice


def test_where_images_are_much_alike_nothing_is_said_of_answers_on_others(trial: SegmentationTrial) -> None:
    alike = replace(trial, cases=[trial.cases[0]] * 6)
    reason = reason_of(judged(alike))
    assert (reason.ok, bool(reason.assumed)) == (None, True), reason


def test_answers_are_compared_between_images_of_different_sizes(subject: SegmentationSubject) -> None:
    sizes = [(96, 160), (80, 96), (96, 160), (64, 128)]
    trial = SegmentationTrial(subject, [replace(subject, size=size).load(IDS[i]) for i, size in enumerate(sizes)])
    record = judged(trial)
    assert reason_of(record).ok, record
    assert record["elsewhere"]["score"] < record["clean"] / 2


def test_one_image_is_too_few_to_be_sure(trial: SegmentationTrial) -> None:
    one = replace(trial, cases=trial.cases[:1])
    reason = reason_of(judged(with_predictions(one, lambda labels: (labels + 1) % 9)))
    assert (reason.ok, reason.assumed) == (None, "")
    assert "1 image is too few to be sure" in reason.seen
    sound = reason_of(judged(one))
    assert (sound.ok, sound.advice) == (None, "too few images to be sure: raise --limit")


def test_without_labels_there_are_hints(subject: SegmentationSubject) -> None:
    record = examine(replace(subject, channels=None), IDS[:2], 0)
    reason = reason_of(record)
    assert (reason.ok, reason.assumed) == (None, "the clean predictions are right")
    assert reason.seen.startswith("not checked: no labels; ")
    assert record["hints"] == []


def test_one_class_everywhere_is_a_hint(subject: SegmentationSubject) -> None:
    segmenter: Any = subject.segmenter

    class Fixed(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return 0 * segmenter.module(images) + torch.arange(9.0).view(1, 9, 1, 1)

    wrong = replace(subject, channels=None, segmenter=replace(segmenter, module=Fixed()))
    assert "person is predicted at 100.0 % of the pixels" in examine(wrong, IDS[:2], 0)["hints"]


def test_what_cannot_be_tried_is_said(subject: SegmentationSubject) -> None:
    class Broken(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            raise ModelError("expected something else")

    segmenter: Any = subject.segmenter
    reason = reason_of(examine(replace(subject, segmenter=replace(segmenter, module=Broken())), IDS[:2], 0))
    assert (reason.ok, reason.seen) == (None, "not checked: no image could be read")
    assert wiring_reasons({}) == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "ok"), [("", True), ("?normalise=imagenet", False), ("?range=1/255", False), ("?offset=1", False)]
)
def test_espnet_on_camvid(real: Path, options: str, ok: bool) -> None:
    config = make_config(
        {
            "models": [f"{real / 'models/espnet.py'}:espnet_camvid{options}"],
            "data": f"camvid:{real / 'data/camvid'}",
            "split": "test",
            "limit": 8,
            "attack": "none",
            "task": "segmentation",
        }
    )
    bench = open_setup(config, torch.device("cpu"))
    reason = reason_of(examine(bench.entries[0].subject, bench.ids, 0))
    assert reason.ok is ok, reason
    assert bool(reason.advice) is not ok
