"""COCO's AP against pycocotools, and the weighted AP against COCO's on images drawn in fact."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.detection import voc_ap
from foolscape.metrics.intervals import around
from foolscape.metrics.matching import COCO_DETECTIONS, HIT, LEFT_OUT, match_coco, match_voc
from foolscape.metrics.precision import area_under, average_precision, eleven_points, hundred_one_points
from tests.metrics.detection_data import crowded_images, found, square, truth
from tests.metrics.scored import score_detection

from .coco_ap import coco_ap

CLASSES = 4
IDS = (3, 18, 44, 90)  # COCO's ids have gaps


def _pycocotools(truths: list[Truth], detections: list[Detected]) -> tuple[np.ndarray, np.ndarray]:
    """(10, C) in percent, and AP, AP50, AP75 as it sums them up."""
    index = COCO()
    index.dataset = {
        "images": [{"id": 100 + image} for image in range(len(truths))],
        "categories": [{"id": number} for number in IDS],
        "annotations": [
            {
                "id": 1000 * (image + 1) + k,
                "image_id": 100 + image,
                "category_id": IDS[one.labels[k]],
                "bbox": [*one.boxes[k, :2], *(one.boxes[k, 2:] - one.boxes[k, :2])],
                "area": one.area[k],
                "iscrowd": int(one.crowd[k]),
            }
            for image, one in enumerate(truths)
            for k in range(len(one.labels))
        ],
    }
    results = [
        {
            "image_id": 100 + image,
            "category_id": IDS[label],
            "bbox": [*box[:2], *(box[2:] - box[:2])],
            "score": score,
        }
        for image, one in enumerate(detections)
        for box, score, label in zip(one.boxes, one.scores, one.labels, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        index.createIndex()
        evaluation = COCOeval(index, index.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return np.where(precision[:, 0] < 0, np.nan, 100 * precision.mean(axis=1)), 100 * evaluation.stats[:3]


@pytest.mark.parametrize("seed", range(6))
def test_as_pycocotools(seed: int) -> None:
    truths, detections = crowded_images(seed)
    per_class, stats = _pycocotools(truths, detections)
    assert np.isnan(per_class[:, 3]).all()
    assert 5 < per_class[:, :3].mean() < 95  # not a comparison of noughts
    assert coco_ap(truths, detections, CLASSES) == pytest.approx(per_class, abs=1e-6, nan_ok=True)
    scores = score_detection(truths, detections, "abcd", seed=0)
    assert [scores["AP"], scores["AP50"], scores["AP75"]] == pytest.approx(stats, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_own_matching_with_each_image_once_is_the_evaluators_value(seed: int) -> None:
    truths, detections = crowded_images(seed, difficult=0.2)
    assert max(np.bincount(one.labels).max(initial=0) for one in detections) > COCO_DETECTIONS
    matches = [match_coco(one, other, CLASSES) for one, other in zip(truths, detections, strict=True)]
    own = 100 * average_precision(matches, np.ones((1, len(matches))), hundred_one_points)[0]
    assert own == pytest.approx(coco_ap(truths, detections, CLASSES), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_images_drawn_more_than_once(seed: int) -> None:
    truths, detections = crowded_images(seed, difficult=0.2)
    pairs = list(zip(truths, detections, strict=True))
    weights = np.random.default_rng(seed).multinomial(len(truths), np.full(len(truths), 1 / len(truths)), 6) * 1.0
    coco = average_precision([match_coco(*pair, CLASSES) for pair in pairs], weights, hundred_one_points)
    voc = [match_voc(*pair, CLASSES) for pair in pairs]
    for row, drawn in enumerate(weights.astype(int)):
        some_truths = [one for one, times in zip(truths, drawn, strict=True) for _ in range(times)]
        some_founds = [one for one, times in zip(detections, drawn, strict=True) for _ in range(times)]
        slow = coco_ap(some_truths, some_founds, CLASSES)
        assert 100 * coco[row] == pytest.approx(slow, abs=1e-9, nan_ok=True)
        for how in (eleven_points, area_under):
            again = voc_ap(some_truths, some_founds, CLASSES, how)
            assert 100 * average_precision(voc, weights, how)[row, 0] == pytest.approx(again, abs=1e-9, nan_ok=True)


def test_the_interval_leaves_out_each_image_in_turn() -> None:
    truths, detections = crowded_images(5)
    scores = score_detection(truths, detections, "abcd", seed=2)
    slow = []
    for i in range(len(truths)):
        per_class = coco_ap(truths[:i] + truths[i + 1 :], detections[:i] + detections[i + 1 :], CLASSES)
        slow.append(np.nanmean(per_class[0]))
    wanted = np.array(around(np.float64(scores["AP50"]), np.array(slow), len(truths)))
    assert scores["ci95"]["AP50"] == pytest.approx(wanted)


def test_coco_takes_a_free_object_where_voc_does_not() -> None:
    # See test_voc_looks_at_the_largest_overlap_alone: IoU 8/11 with the free object, so a hit up to 0.70.
    objects, detections = truth([(0, 0, 10, 10), (2, 0, 12, 10)]), found([(0, 0, 10, 10), (1, 0, 10, 10)])
    hits = match_coco(objects, detections, 1).outcome == HIT
    assert hits[:, 0].all()
    assert hits[:, 1].tolist() == [True] * 5 + [False] * 5
    assert (match_voc(objects, detections, 1).outcome == HIT).tolist() == [[True, False]]


def test_a_crowd_excuses_all_within_it_and_a_difficult_object_one() -> None:
    # Three small boxes within a crowd: IoU with it is tiny, but all of each lies inside. Two detections on a difficult
    # object: the first is left out, the second false. An object that counts goes first, whatever else overlaps.
    objects = truth([(0, 0, 100, 100), square(10), square(20), square(20)], crowd=[0], difficult=[1, 2])
    detections = found([square(0), square(1), square(2), square(10), square(10), square(20)])
    matched = match_coco(objects, detections, 1)
    assert matched.truths.tolist() == [1]
    assert (matched.outcome == LEFT_OUT).tolist() == [[True, True, True, True, False, False]] * 10
    assert (matched.outcome == HIT).tolist() == [[False, False, False, False, False, True]] * 10
    # One false before the one hit: 50, also by the evaluator.
    assert coco_ap([objects], [detections], 1) == pytest.approx(np.full((10, 1), 50.0))


def test_of_equal_overlaps_the_last_object_is_taken() -> None:
    # The first detection has IoU 8/12 with both objects and takes the second, up to a threshold of 0.65; there the
    # second detection, which lies on that object alone, is false.
    objects, detections = truth([(-2, 0, 8, 10), (2, 0, 12, 10)]), found([(0, 0, 10, 10), (2, 0, 12, 10)])
    hits = match_coco(objects, detections, 1).outcome == HIT
    assert hits[:, 0].tolist() == [True] * 4 + [False] * 6
    assert hits[:, 1].tolist() == [False] * 4 + [True] * 6
    # One hit first: 51 levels of 101. One false first: half of that.
    expected = np.array([[100 * 51 / 101]] * 4 + [[50 * 51 / 101]] * 6)
    assert coco_ap([objects], [detections], 1) == pytest.approx(expected)
