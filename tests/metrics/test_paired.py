"""Paired differences: against closed forms, slow loops and a t test, by task and by image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy

from foolscape.metrics.boxes import Detected
from foolscape.metrics.intervals import LEAST
from foolscape.metrics.paired import Difference, mean_difference, paired_difference
from foolscape.metrics.sample import Sample, Samples
from foolscape.metrics.score import scores_of
from foolscape.metrics.segmentation import PixelsMeasured, count
from foolscape.metrics.tasks.segmentation import sample_of
from foolscape.metrics.video import ClipScores
from tests.metrics.detection_data import crowded_images
from tests.metrics.test_video import _clips

CLASSES = "abcd"


def _segmented(n: int, seed: int, wrong: float = 0.3) -> Samples:
    rng = np.random.default_rng(seed)
    truths = np.random.default_rng(7).integers(0, 4, (n, 8, 8))
    guesses = np.where(rng.random(truths.shape) < wrong, rng.integers(0, 4, truths.shape), truths)
    return [sample_of("", count(g, t, 4)) for g, t in zip(guesses, truths, strict=True)]


def _detected(n: int, seed: int, kept: float = 1.0) -> Samples:
    rng = np.random.default_rng(seed)
    truths, detections = crowded_images(3, images=n)
    some = [np.flatnonzero(rng.random(len(one.labels)) < kept) for one in detections]
    thinned = [Detected(o.boxes[k], o.scores[k], o.labels[k]) for o, k in zip(detections, some, strict=True)]
    return [Sample("", t, f) for t, f in zip(truths, thinned, strict=True)]


def _tracked(n: int, seed: int, category: bool = False) -> Samples:
    found = []
    for i, (name, clip) in enumerate(_clips(n, seed).items()):
        named = ("ape", "dog")[i % 2] if category else None
        objects = tuple(replace(one, category=named) for one in clip.objects)
        found.append(Sample(name, None, ClipScores(objects, ("ape",))))
    return found


PAIRS = {
    "segmentation": (_segmented(10, 1), _segmented(10, 2, wrong=0.6)),
    "detection": (_detected(10, 1), _detected(10, 2, kept=0.4)),
    "video": (_tracked(10, 1), _tracked(10, 1)[::-1]),
    "youtube-vos": (_tracked(10, 1, category=True), _tracked(10, 3, category=True)),
}

SCORING = {m.name: m for task in ("segmentation", "detection", "video") for m in scores_of(task).measures}


@pytest.mark.parametrize("task", PAIRS)
def test_the_value_is_the_difference_of_the_scores_and_lies_inside(task: str) -> None:
    scoring, (a, b) = SCORING[task], PAIRS[task]
    one, other = (scoring.score(rows, CLASSES, 0, None)[scoring.headline] for rows in (a, b))
    found = scoring.difference(a, b, CLASSES, seed=0)
    assert found.value == pytest.approx(one - other, abs=1e-9)
    assert found.low is not None
    assert found.low < found.value < found.high
    mirrored = scoring.difference(b, a, CLASSES, seed=0)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-9)


@pytest.mark.parametrize("task", PAIRS)
def test_the_same_rows_differ_by_nothing(task: str) -> None:
    assert SCORING[task].difference(PAIRS[task][0], PAIRS[task][0], CLASSES, seed=0) == Difference(0.0, 0.0, 0.0)


@pytest.mark.parametrize("task", PAIRS)
def test_too_few_images_have_no_interval(task: str) -> None:
    a, b = (rows[: LEAST - 1] for rows in PAIRS[task])
    found = SCORING[task].difference(a, b, CLASSES, seed=0)
    assert found.value is not None
    assert (found.low, found.high, found.above, found.below) == (None, None, False, False)


def test_pairs_tell_what_overlapping_intervals_do_not() -> None:
    # Every image is one point better, images among themselves are spread over 80.
    base = np.linspace(10, 90, 20)

    def score(of: np.ndarray):
        return lambda weights: weights @ of / weights.sum(axis=1)

    found = paired_difference(score(base + 1), score(base), 20, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
    assert found.above
    assert not found.below


def test_the_same_images_are_left_out_of_both() -> None:
    a, b = np.random.default_rng(0).random((2, 30))
    seen: list[np.ndarray] = []

    def score(of: np.ndarray):
        def weighted(weights: np.ndarray) -> np.ndarray:
            seen.append(weights)
            return weights @ of

        return weighted

    paired_difference(score(a), score(b), 30, seed=3)
    assert len(seen) == 4
    assert (seen[2] == seen[3]).all()


def test_nothing_defined_has_no_value() -> None:
    nothing = [Sample("", {}, PixelsMeasured({}, {}))] * 9
    assert SCORING["segmentation"].difference(nothing, nothing, CLASSES, seed=0) == Difference(None, None, None)


def test_rows_of_other_images_are_refused() -> None:
    a, b = PAIRS["segmentation"]
    with pytest.raises(ValueError, match="got 10 and 9"):
        SCORING["segmentation"].difference(a, b[:9], CLASSES, seed=0)


def test_the_mean_difference_is_the_paired_t_test() -> None:
    a, b = np.random.default_rng(1).random((2, 9))
    wanted = scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    found = mean_difference(a, b)
    assert found.value == pytest.approx(np.mean(a - b))
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))


def test_the_mean_difference_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t(2) = 4.302653.
    found = mean_difference(np.array([5.0, 5.0, 5.0, np.nan]), np.array([4.0, 3.0, 2.0, 1.0]))
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 2.484138, 2 + 2.484138), abs=1e-6)
    assert not found.above


def test_equal_differences_give_no_width_and_one_pair_no_interval() -> None:
    assert mean_difference(np.full(7, 0.3), np.full(7, 0.1)) == Difference(*[0.3 - 0.1] * 3)
    assert mean_difference(np.full(7, 0.1), np.full(7, 0.3)).below
    assert mean_difference(np.array([1.0, np.nan]), np.array([0.5, 0.5])) == Difference(0.5, None, None)
    assert mean_difference(np.array([np.nan]), np.array([0.5])) == Difference(None, None, None)
    assert mean_difference(np.array([0.5]), np.array([0.5])) == Difference(0.0, None, None)
