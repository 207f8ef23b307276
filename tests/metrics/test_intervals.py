"""Intervals against a slow loop and by simulation, and their edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy  # its parts when they are asked for: scipy.stats takes a second

from foolscape.metrics.intervals import (
    LEAST,
    LEAST_CLEAN,
    SHOWN,
    around,
    around_unbounded,
    interval,
    interval_per_class,
    left_out,
    weigh,
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


def _by_hand(point: np.ndarray, without: list, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Student's t times the jackknife's standard error, on the scale of log-odds."""
    error = np.std(without, axis=0) * np.sqrt(images - 1) * scipy.stats.t(images - 1).ppf(0.975) / 100
    share = np.asarray(point) / 100
    centre, width = np.log(share / (1 - share)), error / (share * (1 - share))
    return 100 / (1 + np.exp(width - centre)), 100 / (1 + np.exp(-width - centre))


@pytest.mark.parametrize("score", [mean_iou, pixel_accuracy])
def test_each_image_left_out_in_a_slow_loop(score) -> None:
    images = _images(9)
    slow = [score(total(images[:i] + images[i + 1 :])) for i in range(9)]
    assert interval(stack(images), score, seed=5) == pytest.approx(_by_hand(score(total(images)), slow, 9))


def test_classes_in_a_slow_loop() -> None:
    images = _images(SHOWN)
    slow = [iou_per_class(total(images[:i] + images[i + 1 :])) for i in range(SHOWN)]
    wanted = np.array(_by_hand(iou_per_class(total(images)), slow, SHOWN))
    assert np.array(interval_per_class(stack(images), seed=5)) == pytest.approx(wanted)


def test_of_a_mean_it_is_students_interval() -> None:
    values = np.random.default_rng(2).normal(50, 9, 11)
    weights = left_out(11, seed=0)
    low, high = around_unbounded(values.mean(), weights @ values / weights.sum(axis=1), 11)
    assert (low, high) == pytest.approx(
        scipy.stats.t(10, values.mean(), values.std(ddof=1) / np.sqrt(11)).interval(0.95)
    )


def test_many_images_are_left_out_in_groups() -> None:
    weights = left_out(25, seed=1, groups=10)
    assert weights.shape == (10, 25)
    assert (weights.sum(axis=0) == 9).all()
    assert {int(n) for n in weights.sum(axis=1)} == {22, 23}
    assert (weights == left_out(25, seed=1, groups=10)).all()
    values = np.random.default_rng(3).normal(50, 9, 3000)
    grouped = left_out(3000, seed=0, groups=300)
    low, high = around_unbounded(values.mean(), grouped @ values / grouped.sum(axis=1), 3000)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(3000), rel=0.15)


@pytest.mark.parametrize(("images", "wanted"), [(5, 90.0), (8, 91.0), (20, 93.0)])
def test_coverage_on_a_skewed_population(images: int, wanted: float) -> None:
    # Images right to a share of beta(6, 2), of unequal size.
    rng = np.random.default_rng(images)
    right, size = rng.beta(6, 2, 20_000), rng.uniform(1, 5, 20_000)
    truth = 100 * (right * size).sum() / size.sum()
    held, plain = [], []
    weights = np.concatenate([np.ones((1, images)), left_out(images, 0)])
    for _ in range(1000):
        drawn = rng.integers(0, len(right), images)
        times = rng.multinomial(images, np.full(images, 1 / images), 200)
        scores, resampled = (100 * (w @ (right * size)[drawn]) / (w @ size[drawn]) for w in (weights, times))
        low, high = around(scores[0], scores[1:], images, 2)
        held.append(low <= truth <= high)
        first, last = np.percentile(resampled, [2.5, 97.5])
        plain.append(first <= truth <= last)
    error = 100 * np.sqrt(0.05 * 0.95 / 1000)
    assert 100 * np.mean(held) > wanted - 2 * error
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
    without = np.random.default_rng(0).normal([2.0, 50.0, 98.0], 1.0, (10, 3))
    low, high = around(np.array([2.0, 50.0, 98.0]), without, 10)
    assert (low > 0).all()
    assert (high < 100).all()
    assert high[0] - 2 > 2 - low[0]
    assert 98 - low[2] > high[2] - 98
    assert high[1] - 50 == pytest.approx(50 - low[1])


def test_scores_that_never_change_have_an_interval_without_width() -> None:
    for score in (0.0, 40.0, 100.0):
        assert around(np.float64(score), np.full(9, score), 9) == pytest.approx((score, score))


def test_the_interval_holds_the_value() -> None:
    images = _images(20)
    low, high = interval(stack(images), mean_iou, seed=0)
    assert low < mean_iou(total(images)) < high


def test_images_without_a_class() -> None:
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
    assert (weigh(Counts(big, big, big), np.ones((1, 3))).truth == 3 * (2**40 + 1)).all()
