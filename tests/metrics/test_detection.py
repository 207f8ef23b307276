"""VOC's average precision on paper, and the scores of a condition with their edges."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.boxes import EVERYWHERE, Detected, Truth, everywhere
from foolscape.metrics.detection import voc_ap
from foolscape.metrics.matching import match_coco, match_voc
from foolscape.metrics.precision import area_under, eleven_points
from foolscape.metrics.tasks.detection import DETECTION
from foolscape.metrics.tasks.segmentation import SEGMENTATION
from tests.metrics.detection_data import crowded_images, found, square, truth
from tests.metrics.scored import score_detection

from .coco_ap import coco_ap

FAR = (500.0, 500.0, 510.0, 510.0)
SCALARS = ("AP", "AP50", "AP75", "mAP_voc07", "mAP_voc")


def _both(truths: list[Truth], detections: list[Detected], classes: int = 1) -> tuple[float, float]:
    return tuple(float(voc_ap(truths, detections, classes, how)[0]) for how in (eleven_points, area_under))


def test_voc_on_paper() -> None:
    # Five objects; in order of score: hit, false, hit, hit, false.
    #   recall    .2  .2   .4   .6   .6
    #   precision  1  1/2  2/3  3/4  3/5     interpolated at the hits: 1, 3/4, 3/4
    # 11 points: levels 0 .1 .2 have 1; .3 .4 .5 .6 have 3/4; the rest 0: (3 + 4 * 3/4) / 11 = 6/11.
    # area: .2 * 1 + .2 * 3/4 + .2 * 3/4 = 1/2.
    objects = truth([square(i) for i in range(5)])
    detections = found([square(0), FAR, square(1), square(2), FAR])
    assert _both([objects], [detections]) == pytest.approx((600 / 11, 50))


def test_voc_ranks_detections_over_the_whole_set() -> None:
    # The same five detections spread over two images, the later ranks first in their image.
    truths = [truth([square(0), square(2)]), truth([square(1), square(3), square(4)])]
    detections = [
        found([square(2), square(0)], scores=[0.6, 0.9]),
        found([FAR, square(1), FAR], scores=[0.5, 0.7, 0.8]),
    ]
    assert _both(truths, detections) == pytest.approx((600 / 11, 50))


def test_a_recall_of_three_tenths_reaches_the_level() -> None:
    # Three of ten found, nothing false: levels 0, .1, .2, .3 have 1: 4/11, though 3 * 0.1 > 3 / 10 in float64.
    objects = truth([square(i) for i in range(10)])
    assert _both([objects], [found([square(i) for i in range(3)])]) == pytest.approx((400 / 11, 30))


def test_crowds_without_an_end() -> None:
    half = tuple(0.5 * side for side in EVERYWHERE)
    corner, beyond = (1200.0, 1300.0, 2000.0, 1900.0), (-50.0, -50.0, 4000.0, 4000.0)
    boxes = [EVERYWHERE, half, corner, beyond, EVERYWHERE]
    one = truth(boxes, crowd=[0, 1, 2, 3])  # the last one is no crowd
    assert everywhere(one).tolist() == [True, True, False, False, False]
    # What hits no object of the class is left out by both rules, and an object may still be found; class 1 is judged.
    reference = truth([EVERYWHERE, square(3), square(5)], labels=[0, 0, 1], crowd=[0])
    detected = found([square(0), (-30, -30, 5, 5), square(3), square(0), square(5)], labels=[0, 0, 0, 1, 1])
    for match in (match_coco, match_voc):
        outcome = match(reference, detected, 2).outcome
        assert (outcome == [2, 2, 1, 0, 1]).all()
    np.testing.assert_allclose(coco_ap([reference], [detected], 2)[0], [100, 50])


def test_voc_leaves_out_difficult_objects_and_crowds_every_time() -> None:
    # Objects 0 and 1 are difficult and crowd: four detections on them are neither; object 2 is found: AP 100.
    objects = truth([square(0), square(1), square(2)], difficult=[0], crowd=[1])
    detections = found([square(0), square(0), square(1), square(1), square(2)])
    assert _both([objects], [detections]) == pytest.approx((100, 100))


def test_voc_looks_at_the_largest_overlap_alone() -> None:
    # Objects 0-10 and 2-12. Both detections overlap the first one most; the second detection, at 1-10, has
    # IoU 9/10 with it (taken) and 8/11 with the other (free): false all the same. One hit of two: area 1/2.
    objects = truth([(0, 0, 10, 10), (2, 0, 12, 10)])
    detections = found([(0, 0, 10, 10), (1, 0, 10, 10)])
    assert _both([objects], [detections])[1] == pytest.approx(50)


@pytest.mark.parametrize(("height", "ap"), [(5.0, 100.0), (4.9, 0.0)])
def test_boxes_are_continuous_and_half_is_enough(height: float, ap: float) -> None:
    # IoU 0.5 and 0.49; counted in pixels with + 1 the latter would be 11 * 5.9 / 121 = 0.54.
    assert _both([truth([(0, 0, 10, 10)])], [found([(0, 0, 10, height)])]) == pytest.approx((ap, ap))


def test_classes_without_objects_that_count_are_left_out() -> None:
    objects = truth([square(0), square(1)], labels=[0, 1], difficult=[1])
    detections = found([square(0), square(1), square(2)], labels=[0, 1, 2])
    assert voc_ap([objects], [detections], 3, area_under) == pytest.approx([100, np.nan, np.nan], nan_ok=True)
    assert score_detection([objects], [detections], "abc", seed=0)["mAP_voc"] == pytest.approx(100)


def test_the_shape_of_a_summary() -> None:
    truths, detections = crowded_images(seed=3)
    scores = score_detection(truths, detections, ("a", "b", "c", "d"), seed=0)
    assert json.loads(json.dumps(scores)) == scores
    assert set(scores) == {*SCALARS, "per_class", "boxes", "ci95"}
    assert set(scores["ci95"]) == {*SCALARS, "per_class"}
    for name in SCALARS:
        low, high = scores["ci95"][name]
        assert 0 < low < scores[name] < high < 100
    assert scores["per_class"]["d"] is None  # nothing in the truth is of class d
    assert scores["ci95"]["per_class"]["d"] == [None, None]
    assert np.mean([scores["per_class"][name] for name in "abc"]) == pytest.approx(scores["AP50"])


def test_every_score_has_a_convention_and_segmentation_keeps_its_own() -> None:
    assert {*SCALARS, "per_class", "ci95", "kept", "mislabelled", "vanished", "fabricated"} <= set(
        DETECTION.conventions
    )
    assert "AP50" in DETECTION.conventions["per_class"]
    assert "IoU" in SEGMENTATION.conventions["per_class"]


def test_few_images_have_no_interval() -> None:
    few, enough = (score_detection([truth([square(0)])] * n, [found([FAR, square(0)])] * n, "a", 0) for n in (7, 10))
    assert few["AP50"] == pytest.approx(50)
    assert all(few["ci95"][name] == [None, None] for name in SCALARS)
    assert few["ci95"]["per_class"]["a"] == [None, None]
    assert enough["ci95"]["AP50"] == enough["ci95"]["per_class"]["a"] == pytest.approx([50, 50])


def test_a_rare_class_has_no_interval() -> None:
    truths = [truth([square(0), square(1)], labels=[0, 1])] * 7 + [truth([square(0)])] * 5
    scores = score_detection(truths, [found([square(0)])] * 12, "ab", seed=0)
    assert scores["ci95"]["per_class"] == {"a": [100, 100], "b": [None, None]}
    assert scores["per_class"]["b"] == 0


@pytest.mark.parametrize("detections", [[], [square(0), FAR]])
def test_without_objects_nothing_is_defined(detections: list) -> None:
    scores = score_detection([truth([])] * 9, [found(detections)] * 9, "a", seed=0)
    assert {scores[name] for name in SCALARS} == {None}
    assert all(scores["ci95"][name] == [None, None] for name in SCALARS)


def test_without_detections_the_scores_are_zero() -> None:
    scores = score_detection([truth([square(0)])] * 8 + [truth([])], [found([])] * 9, "a", seed=0)
    assert {scores[name] for name in SCALARS} == {0.0}
    assert all(scores["ci95"][name] == [0.0, 0.0] for name in SCALARS)


@pytest.mark.parametrize(
    "bad",
    [
        (np.nan, 0, 10, 10),
        (0, 0, np.inf, 10),
        (-np.inf, -np.inf, np.inf, np.inf),
        (10, 0, 0, 10),
        (-1e200, -1e200, 1e200, 1e200),
        (-1e6, -1e6, 1e6, 1e6),
        (5, 5, 5, 5),
    ],
)
def test_an_unusable_box_is_a_false_positive(bad: tuple) -> None:
    # It ranks first, so the one hit has precision 1/2, by every protocol; a crowd does not excuse it.
    objects = truth([square(0), (-30, -30, 30, 30)], crowd=[1])
    scores = score_detection([objects], [found([bad, square(0)])], "a", seed=0)
    assert [scores[name] for name in SCALARS] == pytest.approx([50] * 5)


def test_an_object_without_area_is_missed() -> None:
    scores = score_detection([truth([(5, 5, 5, 5), square(1)])], [found([(5, 5, 5, 5), square(1)])], "a", seed=0)
    # One false, then one hit of two: precision 1/2 up to recall 1/2.
    assert scores["mAP_voc"] == pytest.approx(25)
    assert scores["AP50"] == pytest.approx(50 * 51 / 101)


def test_a_score_that_is_not_a_number_ranks_last() -> None:
    detections = found([FAR, square(0)], scores=[np.nan, 0.5])
    assert score_detection([truth([square(0)])], [detections], "a", seed=0)["mAP_voc"] == pytest.approx(100)


def test_thousands_of_boxes() -> None:
    # 500 objects found first, then 2500 false: VOC sees a perfect curve; COCO stops at 100 detections, a recall of 0.2,
    # which 21 of the 101 levels reach.
    objects = [square(i) for i in range(500)]
    detections = found([*objects, *[FAR] * 2500])
    scores = score_detection([truth(objects)], [detections], "a", seed=0)
    assert scores["mAP_voc"] == pytest.approx(100)
    assert scores["AP"] == pytest.approx(100 * 21 / 101)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_class_is_refused(label: int) -> None:
    with pytest.raises(SampleError, match=f"expected 0 to 1, got {label} to {label}"):
        score_detection([truth([square(0)])], [found([square(0)], labels=[label])], "ab", seed=0)
