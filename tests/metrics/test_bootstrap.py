"""The bootstrap against a slow loop, and its edges."""

from __future__ import annotations

import numpy as np
import pytest

from foolscape.metrics.bootstrap import interval, resample
from foolscape.metrics.segmentation import Counts, count, iou_per_class, mean_iou, pixel_accuracy, stack, total


def _images(n: int, classes: int = 3, seed: int = 0) -> list[Counts]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        truth = rng.integers(0, classes, (8, 8))
        noisy = rng.random((8, 8)) < rng.random()
        found.append(count(np.where(noisy, rng.integers(0, classes, (8, 8)), truth), truth, classes))
    return found


@pytest.mark.parametrize("score", [mean_iou, pixel_accuracy, iou_per_class])
def test_the_same_weights_in_a_slow_loop(score) -> None:
    images, resamples = _images(7), 200
    draws = np.random.default_rng(5).multinomial(7, np.full(7, 1 / 7), size=resamples)
    slow = [score(total([images[i] for i in np.repeat(np.arange(7), row)])) for row in draws]
    low, high = interval(stack(images), score, seed=5, resamples=resamples)
    assert low == pytest.approx(np.percentile(slow, 2.5, axis=0))
    assert high == pytest.approx(np.percentile(slow, 97.5, axis=0))


def test_multinomial_weights_draw_as_picking_images_does() -> None:
    images, rng = _images(12), np.random.default_rng(9)
    picked = [mean_iou(total([images[i] for i in rng.integers(0, 12, 12)])) for _ in range(4000)]
    low, high = interval(stack(images), mean_iou, seed=1, resamples=4000)
    assert low == pytest.approx(np.percentile(picked, 2.5), abs=1.0)
    assert high == pytest.approx(np.percentile(picked, 97.5), abs=1.0)


def test_the_interval_holds_the_value() -> None:
    images = _images(20)
    low, high = interval(stack(images), mean_iou, seed=0)
    assert low < mean_iou(total(images)) < high


def test_one_image_has_an_interval_without_width() -> None:
    images = _images(1)
    for score in (mean_iou, pixel_accuracy, iou_per_class):
        low, high = interval(stack(images), score, seed=0)
        assert low == pytest.approx(score(images[0]))
        assert high == pytest.approx(score(images[0]))


def test_same_seed_same_interval() -> None:
    counts = stack(_images(9))
    assert interval(counts, mean_iou, seed=3) == interval(counts, mean_iou, seed=3)
    assert interval(counts, mean_iou, seed=3) != interval(counts, mean_iou, seed=4)


def test_classes_absent_from_resamples_and_from_all() -> None:
    with_two = count(np.array([[0, 2], [2, 1]]), np.array([[0, 2], [2, 2]]), 4)
    without = count(np.array([[0, 0]]), np.array([[0, 0]]), 4)
    low, high = interval(stack([with_two, without, without]), iou_per_class, seed=0)
    assert low[2] == high[2] == pytest.approx(100 * 2 / 3)  # only where it was drawn
    assert np.isnan([low[1], high[1], low[3], high[3]]).all()
    assert np.isfinite(interval(stack([with_two, without]), mean_iou, seed=0)).all()


def test_nothing_counted_gives_nan() -> None:
    void = count(np.zeros((2, 2), int), np.full((2, 2), 255), 3)
    low, high = interval(stack([void, void]), mean_iou, seed=0)
    assert np.isnan(low)
    assert np.isnan(high)


def test_large_counts_stay_exact() -> None:
    big = np.full((3, 2), 2**40 + 1, dtype=np.int64)
    assert (resample(Counts(big, big, big), seed=0).truth == 3 * (2**40 + 1)).all()
