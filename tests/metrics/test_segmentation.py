"""Counts and scores: by hand, against torchmetrics, and by property."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from foolscape.errors import ModelError, SampleError
from foolscape.metrics.segmentation import (
    Counts,
    PixelsMeasured,
    count,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
    stack,
    total,
)
from foolscape.metrics.tasks.segmentation import SEGMENTATION, counts_of, sample_of

# Class 1 is a 2x2 square moved one to the right; the last row is void; class 2 is only in the truth, class 3 only
# in the prediction, class 4 nowhere.
TRUTH = np.array([[0, 1, 1, 0], [0, 1, 1, 2], [0, 0, 0, 0], [255, 255, 255, 255]])
GUESS = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0, 3], [3, 2, 1, 0]])


def _equal(left: Counts, right: Counts) -> bool:
    return all(np.array_equal(getattr(left, f), getattr(right, f)) for f in ("hit", "truth", "predicted"))


def test_hand_drawn_counts() -> None:
    counts = count(GUESS, TRUTH, 5)
    assert counts.hit.tolist() == [5, 2, 0, 0, 0]
    assert counts.truth.tolist() == [7, 4, 1, 0, 0]
    assert counts.predicted.tolist() == [7, 4, 0, 1, 0]
    assert counts.hit.dtype == counts.truth.dtype == counts.predicted.dtype == np.int64


def test_hand_drawn_scores() -> None:
    counts = count(GUESS, TRUTH, 5)
    iou = iou_per_class(counts)
    assert iou[:3].tolist() == pytest.approx([100 * 5 / 9, 100 * 2 / 6, 0.0])
    assert np.isnan(iou[3:]).all()  # predicted only, and nowhere: no class of the mean
    assert mean_iou(counts) == pytest.approx((500 / 9 + 200 / 6 + 0) / 3)
    assert pixel_accuracy(counts) == pytest.approx(100 * 7 / 12)


def test_a_void_pixel_counts_nowhere() -> None:
    other = GUESS.copy()
    other[3] = [0, 1, 2, 4]
    assert _equal(count(GUESS, TRUTH, 5), count(other, TRUTH, 5))


def test_nothing_counted_is_nan_and_does_not_warn() -> None:
    counts = count(GUESS, np.full((4, 4), 255), 5)
    assert np.isnan(mean_iou(counts))
    assert np.isnan(pixel_accuracy(counts))
    assert np.isnan(iou_per_class(counts)).all()


def test_unsigned_bytes_do_not_overflow() -> None:
    truth = np.full((4, 4), 149, dtype=np.uint8)
    assert mean_iou(count(truth, truth, 150)) == 100.0


def test_sparse_form_and_back() -> None:
    sample = sample_of("a", count(GUESS, TRUTH, 5))
    assert sample.measured == PixelsMeasured({0: 5, 1: 2}, {0: 7, 1: 4, 3: 1})
    assert sample.truth == {0: 7, 1: 4, 2: 1}
    assert _equal(counts_of(sample, 5), count(GUESS, TRUTH, 5))


@pytest.mark.parametrize("label", [5, -1])
def test_damaged_sparse_form_is_refused(label: int) -> None:
    with pytest.raises(SampleError, match=r"counts must be of classes 0 to 4; got .*delete"):
        PixelsMeasured({label: 1}, {}).counts({}, 5)


def test_refusals_say_expected_got_and_what_to_do() -> None:
    with pytest.raises(SampleError, match=r"expected \(4, 4\), got \(2, 4\)\. Resize"):
        count(GUESS, TRUTH[:2], 5)
    with pytest.raises(SampleError, match=r"classes 0 to 1, or 255 for void; got 2\. Map"):
        count(GUESS.clip(0, 1), TRUTH, 2)
    with pytest.raises(SampleError, match=r"got -1"):
        count(GUESS, TRUTH - 1, 5)
    with pytest.raises(ModelError, match=r"classes 0 to 2; got 3"):
        count(GUESS, TRUTH, 3)


def test_conventions_are_sentences() -> None:
    told = SEGMENTATION.conventions
    assert {"mIoU", "pixel_accuracy", "ci95", "linf_levels", "l2", "perceptibility", "ssim"} <= set(told)
    assert all(sentence.endswith(".") for sentence in told.values())


maps = arrays.arrays(np.int64, (3, 6, 5), elements=st.sampled_from([0, 1, 2, 3, 255]))
guesses = arrays.arrays(np.int64, (3, 6, 5), elements=st.integers(0, 3))


@pytest.fixture(scope="module")
def reference() -> Any:
    """torchmetrics, which takes five seconds to import."""
    return pytest.importorskip("torchmetrics.classification").MulticlassConfusionMatrix


@given(guesses, maps)
def test_against_torchmetrics(reference: Any, guess: NDArray[np.int64], truth: NDArray[np.int64]) -> None:
    matrix = reference(num_classes=4, ignore_index=255)
    for one, other in zip(guess, truth, strict=True):
        matrix.update(torch.from_numpy(one), torch.from_numpy(other))
    table = matrix.compute().numpy()
    counts = total([count(one, other, 4) for one, other in zip(guess, truth, strict=True)])
    assert counts.hit.tolist() == table.diagonal().tolist()
    assert counts.truth.tolist() == table.sum(1).tolist()
    assert counts.predicted.tolist() == table.sum(0).tolist()
    present = table.sum(1) > 0
    if present.any():
        iou = table.diagonal()[present] / (table.sum(0) + table.sum(1) - table.diagonal())[present]
        assert mean_iou(counts) == pytest.approx(100 * iou.mean())
        assert pixel_accuracy(counts) == pytest.approx(100 * table.trace() / table.sum())


@given(guesses)
def test_identity_is_100(guess: NDArray[np.int64]) -> None:
    counts = count(guess, guess, 4)
    assert mean_iou(counts) == 100.0
    assert pixel_accuracy(counts) == 100.0


@given(guesses, maps, st.permutations(range(3)))
def test_order_and_grouping_do_not_matter(guess: NDArray[np.int64], truth: NDArray[np.int64], order: list[int]) -> None:
    singles = [count(one, other, 4) for one, other in zip(guess, truth, strict=True)]
    pooled = total(singles)
    assert _equal(pooled, total([singles[i] for i in order]))
    assert _equal(pooled, count(guess.reshape(18, 5), truth.reshape(18, 5), 4))
    assert _equal(pooled, total([total(singles[:1]), total(singles[1:])]))


@given(guesses, maps)
def test_a_stack_scores_as_its_images(guess: NDArray[np.int64], truth: NDArray[np.int64]) -> None:
    singles = [count(one, other, 4) for one, other in zip(guess, truth, strict=True)]
    for score in (mean_iou, pixel_accuracy, iou_per_class):
        assert np.array_equal(score(stack(singles)), np.stack([score(one) for one in singles]), equal_nan=True)
