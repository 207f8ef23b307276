"""What of the reference is right in a row, and when an attack counts as a success: by hand for each task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from foolscape.attacks.catalog import plan
from foolscape.data.sample import VOID
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import scores_of
from foolscape.metrics.segmentation import Kept, PixelsMeasured
from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.tasks.segmentation import SegmentationSubject

BOX, ELSEWHERE = [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]


def right_share(task: str, sample: Any, only_class: int | None = None) -> float | None:
    return scores_of(task).right(sample, only_class)


def boxes(found: list[tuple[list[float], float, int]], **truth: Any) -> Any:
    known = Truth(
        boxes=np.array(truth.get("boxes", [BOX, ELSEWHERE]), float).reshape(-1, 4),
        labels=np.array(truth.get("labels", [0, 1]), np.int64),
        difficult=np.array(truth.get("difficult", [False, False]), bool),
        crowd=np.array(truth.get("crowd", [False, False]), bool),
        area=np.array(truth.get("area", [100.0, 100.0]), float),
    )
    places, scores, labels = ([one[i] for one in found] for i in range(3))
    seen = Detected(np.array(places, float).reshape(-1, 4), np.array(scores, float), np.array(labels, np.int64))
    return Sample("x", known, seen)


def clip(*objects: list[float]) -> Any:
    scores = (ObjectScores(i, 1, tuple(values), (0.0,) * len(values)) for i, values in enumerate(objects, 1))
    return Sample("x", None, ClipScores(tuple(scores)))


def pixels(hit: dict[int, int], truth: dict[int, int], kept: Kept | None = None) -> Any:
    return Sample("x", truth, PixelsMeasured(hit, {}, kept))


def test_pixels_of_the_right_class_over_labelled_ones() -> None:
    assert right_share("segmentation", pixels({0: 3, 2: 1}, {0: 6, 1: 2, 2: 2})) == 0.4
    assert right_share("segmentation", pixels({}, {})) is None


def test_objects_found_as_what_they_are() -> None:
    both = [(BOX, 0.9, 0), (ELSEWHERE, 0.8, 1)]
    assert right_share("detection", boxes(both)) == 1
    assert right_share("detection", boxes([(BOX, 0.9, 1), (ELSEWHERE, 0.8, 1)])) == 0.5  # mislabelled
    assert right_share("detection", boxes([(BOX, 0.9, 0), (ELSEWHERE, 0.29, 1)])) == 0.5  # not to be read
    assert right_share("detection", boxes([])) == 0


def test_objects_that_do_not_count_are_left_out() -> None:
    seen = [(BOX, 0.9, 0)]
    assert right_share("detection", boxes(seen, difficult=[False, True])) == 1
    assert right_share("detection", boxes(seen, crowd=[True, False])) == 0
    assert right_share("detection", boxes(seen, difficult=[True, True])) is None
    nothing = {"boxes": [], "labels": [], "difficult": [], "crowd": [], "area": []}
    assert right_share("detection", boxes(seen, **nothing)) is None


@pytest.mark.parametrize(("only_class", "share"), [(0, 1.0), (1, 0.0), (2, None)])
def test_objects_of_one_class(only_class: int, share: float | None) -> None:
    assert right_share("detection", boxes([(BOX, 0.9, 0)]), only_class) == share


def test_the_mean_region_of_a_clips_objects() -> None:
    assert right_share("video", clip([1.0, 0.5], [0.25])) == pytest.approx(0.5)
    assert right_share("video", clip()) is None


CLASSES = ("a", "b", "c")


def segmenter() -> SegmentationSubject:
    model = cast(Any, SimpleNamespace(classes=CLASSES))
    return SegmentationSubject("m", "m", model, (), None, cast(Any, None), None, torch.device("cpu"))


def detector() -> DetectionSubject:
    model = cast(Any, SimpleNamespace(classes=CLASSES))
    return DetectionSubject("m", "m", model, None, cast(Any, None), None, torch.device("cpu"))


def test_a_row_counts_what_was_right_and_still_is() -> None:
    truth = np.array([[0, 0, 1, 1, VOID]], np.uint8)
    before = np.array([[0, 0, 1, 2, 0]], np.uint8)
    after = np.array([[1, 0, 2, 1, 0]], np.uint8)  # the last pixel that counts has become right
    case = EvalSample("x", np.zeros((1, 5, 3), np.uint8), (), truth, before)
    assert segmenter().measured(case, after).measured.kept == Kept(3, 1)
    assert segmenter().measured(case, before).measured.kept == Kept(3, 3)


@pytest.mark.parametrize(
    ("attack", "stop", "before", "after", "success"),
    [
        ("pgd", None, 900, 9, True),
        ("pgd", None, 900, 10, False),
        ("pgd", None, 0, 0, None),  # a model that has nothing right cannot be fooled
        ("pgd", None, 5, 5, False),  # nor does one that has hardly anything right fall by itself
        ("pgd-min", None, 900, 10, True),  # stops at 1 % of the labelled pixels, and so it is judged
        ("pgd-min", None, 900, 11, False),
        ("pgd-min", None, 10, 0, None),
        ("pgd", 0.5, 900, 400, False),  # but none is judged by more than that
    ],
)
def test_success_is_over_what_the_clean_model_had_right(
    attack: str, stop: float | None, before: int, after: int, success: bool | None
) -> None:
    row = pixels({}, {0: 600, 1: 400}, Kept(before, after))
    assert segmenter().succeeded(row, row, plan(attack, {"stop": stop}, CLASSES)) is success


@pytest.mark.parametrize(
    ("goal", "after", "success"),
    [
        ("untargeted", [], True),
        ("untargeted", [(ELSEWHERE, 0.9, 1)], True),  # what was wrong before may even become right
        ("untargeted", [(BOX, 0.9, 0)], False),
        ("vanish", [(ELSEWHERE, 0.9, 0)], True),  # mislabelled before and after: it was none of the model's
        ("vanish", [(BOX, 0.9, 1)], False),
        ("mislabel", [(BOX, 0.9, 1)], True),
        ("mislabel", [(ELSEWHERE, 0.9, 0)], False),
    ],
)
def test_success_on_objects_is_over_those_found_when_clean(
    goal: str, after: list[tuple[list[float], float, int]], success: bool
) -> None:
    clean = boxes([(BOX, 0.9, 0), (ELSEWHERE, 0.9, 0)])  # the second of two objects is taken for something else
    aimed = plan("pgd", {"goal": goal}, CLASSES, "detection")
    assert detector().succeeded(clean, boxes(after), aimed) is success
    assert detector().succeeded(boxes([(ELSEWHERE, 0.9, 0)]), boxes(after), aimed) is None
