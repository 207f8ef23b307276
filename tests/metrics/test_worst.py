"""The greedy choice among several results per image: by hand, against every choice there is, by property."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from foolscape.metrics.segmentation import Counts, mean_iou, pixel_accuracy, total
from foolscape.metrics.worst import picked, worst_choice


def results(hits: list[list[int]], truth: list[int]) -> Counts:
    """Results of an image that predict nothing but what is right: enough to tell their IoU."""
    hit = np.array(hits)
    return Counts(hit, np.tile(truth, (len(hits), 1)), hit.copy())


def drawn(seed: int, images: int = 4, classes: int = 3) -> list[Counts]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(images):
        count, truth = int(rng.integers(1, 4)), rng.integers(1, 60, classes)
        hit = rng.integers(0, truth + 1, (count, classes))
        extra = rng.integers(0, 20, (count, classes))
        found.append(Counts(hit, np.tile(truth, (count, 1)), hit + extra))
    return found


def test_the_rare_class_is_taken_where_that_pays_more_than_many_pixels() -> None:
    # Fewest right pixels: the first result, 50 of 100 of the sky. The second leaves the sky and takes the sign.
    one = results([[50, 4], [100, 0]], [100, 4])
    assert worst_choice([one]) == [1]
    (chosen,) = picked([one], [1])
    assert mean_iou(chosen) == pytest.approx(50.0)
    assert mean_iou(next(picked([one], [0]))) == pytest.approx(75.0)


def test_a_swap_that_pays_only_together_with_another_image() -> None:
    # The class of 4 pixels is in both images: what one image gives depends on what the other keeps.
    images = [results([[40, 4], [100, 0]], [100, 4]), results([[0, 4], [30, 4]], [100, 4])]
    assert worst_choice(images) == [1, 0]


def test_one_result_leaves_no_choice() -> None:
    assert worst_choice([results([[3, 1]], [4, 4])] * 3) == [0, 0, 0]


@pytest.mark.parametrize("seed", range(30))
def test_no_swap_improves_and_nothing_is_below_the_best_of_all(seed: int) -> None:
    images = drawn(seed)
    chosen = worst_choice(images)
    found = float(mean_iou(total([*picked(images, chosen)])))
    every = {
        ks: float(mean_iou(total([*picked(images, ks)]))) for ks in product(*(range(len(one.hit)) for one in images))
    }
    assert found >= min(every.values()) - 1e-9
    fewest = tuple(int(one.hit.sum(axis=-1).argmin()) for one in images)
    assert found <= every[fewest] + 1e-9
    for i, one in enumerate(images):
        for k in range(len(one.hit)):
            assert every[(*chosen[:i], k, *chosen[i + 1 :])] >= found - 1e-9


def test_fewest_right_pixels_are_not_always_the_smallest_miou() -> None:
    gains = []
    for seed in range(30):
        images = drawn(seed)
        fewest = [*picked(images, [int(one.hit.sum(axis=-1).argmin()) for one in images])]
        greedy = [*picked(images, worst_choice(images))]
        gains.append(float(mean_iou(total(fewest)) - mean_iou(total(greedy))))
        assert pixel_accuracy(total(greedy)) >= pixel_accuracy(total(fewest))
    assert max(gains) > 1
