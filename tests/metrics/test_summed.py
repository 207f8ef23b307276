"""Sums of samples that come one by one give the figures of all samples at once, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.box_counts import fates_of
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.intervals import left_out
from foolscape.metrics.looked_up import fates_in, look_up, near_in
from foolscape.metrics.matched_images import falling
from foolscape.metrics.matching import LEFT_OUT, VOC, match_coco, match_image, match_voc
from foolscape.metrics.precision import area_under, eleven_points
from foolscape.metrics.sample import Sample
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.metrics.tasks.detection import DetectionSums, SummedDetections, precisions
from foolscape.metrics.tasks.segmentation import PixelSums, pooled

from .coco_ap import coco_ap

CLASSES = ["a", "b", "c", "never"]


def drawn(seed: int, images: int, detections: int) -> list[Sample[Truth, Detected]]:
    """Images with difficult objects, crowds, equal scores, and more detections of a class than COCO looks at."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(images):
        count = int(rng.integers(0, 6))
        low = rng.integers(0, 60, (count, 2)).astype(float)
        boxes = np.concatenate([low, low + rng.integers(4, 40, (count, 2))], axis=1)
        crowd = rng.random(count) < 0.1 if number % 3 == 0 else np.zeros(count, np.bool_)
        labels, difficult = rng.integers(0, 3, count), rng.random(count) < 0.15
        truth = Truth(boxes, labels, difficult, crowd, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
        again = rng.integers(0, max(count, 1), detections if count else 0)
        near = boxes[again] + rng.integers(-4, 5, (len(again), 4)) if count else np.zeros((0, 4))
        beside = rng.integers(0, 60, (detections // 3, 2)).astype(float)
        found = np.concatenate([near, np.concatenate([beside, beside + 12], axis=1)])
        own = np.where(rng.random(len(again)) < 0.8, labels[again] if count else again, rng.integers(0, 4, len(again)))
        scores = rng.integers(1, 12, len(found)) / 12
        kinds = np.concatenate([own, rng.integers(0, 4, len(beside))])
        samples.append(Sample(str(number), truth, Detected(found, scores, kinds)))
    return samples


def summed(samples: list[Sample[Truth, Detected]], group: np.ndarray) -> SummedDetections:
    sums = DetectionSums(CLASSES, group)
    for sample in samples:
        sums.add(sample)
    return sums.summed()


@pytest.mark.parametrize(("seed", "images", "detections"), [(0, 1, 9), (1, 2, 9), (2, 25, 12), (3, 70, 5), (4, 4, 400)])
def test_average_precision_is_that_of_the_evaluator(seed: int, images: int, detections: int) -> None:
    samples = drawn(seed, images, detections)
    once = summed(samples, np.arange(images)).once()
    expected = coco_ap([one.truth for one in samples], [one.measured for one in samples], len(CLASSES))
    for threshold in range(10):
        np.testing.assert_array_equal(once.coco(threshold)[0], expected[threshold])


@pytest.mark.parametrize(("images", "groups"), [(2, 2), (9, 9), (131, 131), (131, 66), (200, 7)])
def test_leaving_groups_out_is_that_of_weights(images: int, groups: int) -> None:
    samples = drawn(images, images, 10)
    group = np.random.default_rng(0).permutation(images) % groups
    weights = (group[None, :] != np.arange(groups)[:, None]).astype(float)
    coco = [match_coco(one.truth, one.measured, len(CLASSES)) for one in samples]
    voc = [match_voc(one.truth, one.measured, len(CLASSES)) for one in samples]
    whole, found = precisions(coco, voc, weights), summed(samples, group)
    for threshold in range(10):
        np.testing.assert_array_equal(found.without().coco(threshold), whole.coco(threshold))
    once = precisions(coco, voc, np.ones((1, images)))
    for summary in (eleven_points, area_under):
        np.testing.assert_array_equal(found.without().voc(summary), whole.voc(summary))
        np.testing.assert_array_equal(found.once().voc(summary), once.voc(summary))


def test_an_image_is_matched_as_by_either_rule_alone() -> None:
    for sample in drawn(5, 40, 30):
        both = match_image(sample.truth, sample.measured, len(CLASSES))
        for rule, levels in ((match_coco, slice(VOC)), (match_voc, slice(VOC, None))):
            alone = rule(sample.truth, sample.measured, len(CLASSES))
            assert both.truths.tolist() == alone.truths.tolist()
            for label in range(len(CLASSES)):
                mine, its = both.labels == label, alone.labels == label
                order = np.argsort(-both.scores[mine], kind="stable")
                looked_at, beyond = np.split(order, [its.sum()])
                np.testing.assert_array_equal(both.scores[mine][looked_at], alone.scores[its])
                outcome = both.outcome[levels][:, mine]
                np.testing.assert_array_equal(outcome[:, looked_at], alone.outcome[:, its])
                assert (outcome[:, beyond] == LEFT_OUT).all()


def test_predictions_for_an_image_that_are_looked_up_at_once_are_those_of_each() -> None:
    (odd,) = drawn(9, 1, 20)
    boxes = odd.measured.boxes.copy()
    boxes[0, 2] = np.nan
    for image in drawn(8, 20, 30):
        several = [one.measured for one in drawn(7, 3, 25)] + [
            Detected(boxes, odd.measured.scores, odd.measured.labels)
        ]
        alone = [Sample("", image.truth, one) for one in several]
        together = [Sample("", image.truth, one) for one in several]
        look_up(together)
        for one, other in zip(alone, together, strict=True):
            assert ("near" in vars(other)) is not image.truth.crowd.any()
            first, second = (match_image(sample.truth, sample.measured, 4, near_in(sample)) for sample in (one, other))
            for field in ("scores", "labels", "outcome", "truths"):
                np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
            for field in ("counted", "kept", "mislabelled", "invented"):
                np.testing.assert_array_equal(getattr(fates_in(one), field), getattr(fates_in(other), field))


@pytest.mark.parametrize("exact", [True, False])
def test_scores_fall_and_equal_ones_keep_their_order(exact: bool) -> None:
    scores = np.random.default_rng(0).integers(0, 9, 500) / (8 if exact else 7)
    scores[3], scores[5] = -0.0, 0.0
    np.testing.assert_array_equal(falling(scores), np.argsort(-scores, kind="stable"))
    np.testing.assert_array_equal(falling(-scores), np.argsort(scores, kind="stable"))


def test_what_becomes_of_objects_is_the_same_beside_a_crowd_that_nothing_is_on() -> None:
    for sample in (one for one in drawn(6, 60, 30) if not one.truth.crowd.any()):
        truth = sample.truth
        far = Truth(
            np.concatenate([truth.boxes, [[900.0, 900, 990, 990]]]),
            np.append(truth.labels, 3),
            np.append(truth.difficult, False),
            np.append(truth.crowd, True),
            np.append(truth.area, 8100.0),
        )
        alone, beside = (fates_of(one, sample.measured, 0.3) for one in (truth, far))
        for name in ("counted", "kept", "mislabelled"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(beside, name)[:-1])
        np.testing.assert_array_equal(alone.invented, beside.invented)


def test_pixels_by_groups_are_those_by_weights() -> None:
    rng = np.random.default_rng(0)
    samples = []
    for number in range(1203):
        truth = {int(label): int(n) for label, n in zip(rng.choice(4, 2, False), rng.integers(1, 99, 2), strict=True)}
        measured = PixelsMeasured({label: n // 2 for label, n in truth.items()}, {0: 7, 3: 5})
        samples.append(Sample(str(number), truth, measured))
    pool = pooled(samples, CLASSES)
    weights = left_out(len(samples), 5)
    sums = PixelSums(CLASSES, (1 - weights).argmax(axis=0))
    for sample in samples:
        sums.add(sample)
    found = sums.summed()
    for one, other in ((found.once(), pool.once()), (found.without(), pool.under(weights))):
        for field in ("hit", "truth", "predicted"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert found.parts(found.without(), None) == pool.parts(pool.under(weights), None)


def test_pixels_of_a_class_that_is_none_are_refused() -> None:
    for truth, hit, predicted in (({4: 1}, {}, {}), ({}, {-1: 1}, {}), ({}, {}, {1: 2, 9: 1})):
        sums = PixelSums(CLASSES, np.zeros(1, np.int64))
        with pytest.raises(SampleError, match="classes 0 to 3"):
            sums.add(Sample("odd", truth, PixelsMeasured(hit, predicted)))
