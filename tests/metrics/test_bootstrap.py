"""Intervals against a slow loop and by simulation, and their edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from foolscape.metrics.bootstrap import (
    LEAST,
    LEAST_CLEAN,
    SHOWN,
    around,
    around_unbounded,
    draws,
    interval,
    interval_per_class,
    resample,
)
from foolscape.metrics.segmentation import Counts, count, iou_per_class, mean_iou, pixel_accuracy, stack, total


def _images(n: int, classes: int = 3, seed: int = 0) -> list[Counts]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        truth = rng.integers(0, classes, (8, 8))
        noisy = rng.random((8, 8)) < rng.random()
        found.append(count(np.where(noisy, rng.integers(0, classes, (8, 8)), truth), truth, classes))
    return found


def _by_hand(point: np.ndarray, resampled: list, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard error over resamples, unbiased, times Student's t, on the scale of log-odds."""
    error = np.std(resampled, axis=0) * np.sqrt(images / (images - 1)) * t(images - 1).ppf(0.975) / 100
    share = np.asarray(point) / 100
    centre, width = np.log(share / (1 - share)), error / (share * (1 - share))
    return 100 / (1 + np.exp(width - centre)), 100 / (1 + np.exp(-width - centre))


@pytest.mark.parametrize("score", [mean_iou, pixel_accuracy])
def test_the_same_weights_in_a_slow_loop(score) -> None:
    images, resamples = _images(9), 200
    times = np.random.default_rng(5).multinomial(9, np.full(9, 1 / 9), size=resamples)
    slow = [score(total([images[i] for i in np.repeat(np.arange(9), row)])) for row in times]
    low, high = interval(stack(images), score, seed=5, resamples=resamples)
    assert (low, high) == pytest.approx(_by_hand(score(total(images)), slow, 9))


def test_classes_in_a_slow_loop() -> None:
    images, resamples = _images(9), 200
    times = np.random.default_rng(5).multinomial(9, np.full(9, 1 / 9), size=resamples)
    slow = [iou_per_class(total([images[i] for i in np.repeat(np.arange(9), row)])) for row in times]
    found = interval_per_class(stack(images), seed=5, resamples=resamples)
    assert np.array(found) == pytest.approx(np.array(_by_hand(iou_per_class(total(images)), slow, 9)))


def test_multinomial_weights_draw_as_picking_images_does() -> None:
    images, rng = _images(12), np.random.default_rng(9)
    picked = [mean_iou(total([images[i] for i in rng.integers(0, 12, 12)])) for _ in range(4000)]
    found = interval(stack(images), mean_iou, seed=1, resamples=4000)
    assert found == pytest.approx(_by_hand(mean_iou(total(images)), picked, 12), abs=1.0)


@pytest.mark.parametrize(("images", "wanted"), [(5, 90.0), (8, 91.0), (20, 93.0)])
def test_coverage_on_a_skewed_population(images: int, wanted: float) -> None:
    # Images right to a share of beta(6, 2), of unequal size.
    rng = np.random.default_rng(images)
    right, size = rng.beta(6, 2, 20_000), rng.uniform(1, 5, 20_000)
    truth = 100 * (right * size).sum() / size.sum()
    held, plain = [], []
    for repetition in range(1000):
        drawn = rng.integers(0, len(right), images)
        weights = np.concatenate([np.ones((1, images)), draws(images, repetition, resamples=200)])
        scores = 100 * (weights @ (right * size)[drawn]) / (weights @ size[drawn])
        low, high = around(scores[0], scores[1:], images, 2)
        held.append(low <= truth <= high)
        first, last = np.percentile(scores[1:], [2.5, 97.5])
        plain.append(first <= truth <= last)
    error = 100 * np.sqrt(0.05 * 0.95 / 1000)
    assert 100 * np.mean(held) > wanted - 2 * error
    assert 100 * np.mean(held) > 100 * np.mean(plain) + 1
    assert images > 8 or 100 * np.mean(plain) < wanted - 2 * error


def test_few_images_have_no_interval() -> None:
    for score in (mean_iou, pixel_accuracy):
        assert np.isnan(interval(stack(_images(LEAST - 1)), score, seed=0)).all()
        assert np.isfinite(interval(stack(_images(LEAST)), score, seed=0)).all()
        assert np.isnan(interval(stack(_images(LEAST_CLEAN - 1)), score, seed=0, least=LEAST_CLEAN)).all()
        assert np.isfinite(interval(stack(_images(LEAST_CLEAN)), score, seed=0, least=LEAST_CLEAN)).all()
    assert np.isnan(around(np.float64(50), np.full(9, 50.0), 1, least=1)).all()


def test_rare_classes_have_no_interval() -> None:
    common, both = count(np.array([[0, 1]]), np.array([[0, 0]]), 3), count(np.array([[0, 0]]), np.array([[0, 1]]), 3)
    for shown in (SHOWN - 1, SHOWN):
        low, high = interval_per_class(stack([common] * 4 + [both] * shown), seed=0)
        assert np.isfinite([low[0], high[0]]).all()
        assert np.isnan([low[1], high[1]]).all() == (shown < SHOWN)
        assert np.isnan([low[2], high[2]]).all()


def test_an_interval_stays_within_0_and_100_and_is_longer_where_there_is_room() -> None:
    resampled = np.random.default_rng(0).normal([2.0, 50.0, 98.0], 5.0, (500, 3))
    low, high = around(np.array([2.0, 50.0, 98.0]), resampled, 10)
    assert (low > 0).all()
    assert (high < 100).all()
    assert high[0] - 2 > 2 - low[0]
    assert 98 - low[2] > high[2] - 98
    assert high[1] - 50 == pytest.approx(50 - low[1])


def test_scores_that_never_change_have_an_interval_without_width() -> None:
    for score in (0.0, 40.0, 100.0):
        assert around(np.float64(score), np.full(99, score), 9) == pytest.approx((score, score))


def test_an_unbounded_interval_is_as_long_on_either_side() -> None:
    resampled = np.random.default_rng(1).normal(3.0, 1.0, 4000)
    low, high = around_unbounded(np.float64(3.0), resampled, 10_000)
    assert (low, high) == pytest.approx((3 + norm.ppf(0.025), 3 + norm.ppf(0.975)), abs=0.1)


def test_the_interval_holds_the_value() -> None:
    images = _images(20)
    low, high = interval(stack(images), mean_iou, seed=0)
    assert low < mean_iou(total(images)) < high


def test_same_seed_same_interval() -> None:
    counts = stack(_images(9))
    assert interval(counts, mean_iou, seed=3) == interval(counts, mean_iou, seed=3)
    assert interval(counts, mean_iou, seed=3) != interval(counts, mean_iou, seed=4)


def test_resamples_without_a_class_are_left_out_of_its_score() -> None:
    with_one = count(np.array([[0, 1]]), np.array([[0, 1]]), 2)
    without = count(np.array([[0, 0]]), np.array([[0, 0]]), 2)
    low, high = interval_per_class(stack([with_one] * SHOWN + [without] * 40), seed=0)
    assert (low[1], high[1]) == (100, 100)
    assert np.isfinite(interval(stack([with_one] + [without] * 9), mean_iou, seed=0)).all()


def test_nothing_counted_gives_nan() -> None:
    void = count(np.zeros((2, 2), int), np.full((2, 2), 255), 3)
    low, high = interval(stack([void] * 9), mean_iou, seed=0)
    assert np.isnan(low)
    assert np.isnan(high)


def test_large_counts_stay_exact() -> None:
    big = np.full((3, 2), 2**40 + 1, dtype=np.int64)
    assert (resample(Counts(big, big, big), seed=0).truth == 3 * (2**40 + 1)).all()
