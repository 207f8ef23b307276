"""Kept, mislabelled, vanished and fabricated boxes, drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from foolscape.metrics.box_counts import as_reference, confidence_kept, count_boxes, preserved, total
from foolscape.metrics.boxes import Detected, Truth
from tests.metrics.detection_data import crowded_images, found, square, truth


def _counts(reference: Truth, detections: Detected, threshold: float = 0.1) -> tuple[list[int], ...]:
    counts = count_boxes(reference, detections, 3, threshold)
    return tuple(getattr(counts, name).tolist() for name in ("kept", "mislabelled", "vanished", "fabricated"))


def test_one_of_each() -> None:
    reference = truth([square(0), square(1), square(2)], labels=[0, 1, 1])
    detections = found([square(0), square(1), square(7), square(8)], labels=[0, 2, 2, 0], scores=[0.9, 0.8, 0.7, 0.6])
    assert _counts(reference, detections) == ([1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 1])


def test_the_right_class_wins_over_a_higher_score() -> None:
    reference = truth([square(0)], labels=[0])
    detections = found([square(0), square(0)], labels=[1, 0], scores=[0.9, 0.4])
    assert _counts(reference, detections) == ([1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0])


@pytest.mark.parametrize(("score", "kept"), [(0.3, 1), (0.29, 0)])
def test_scores_below_the_threshold_are_not_looked_at(score: float, kept: int) -> None:
    reference = truth([square(0)])
    detections = found([square(0), square(5)], scores=[score, 0.1])
    assert _counts(reference, detections, 0.3) == ([kept, 0, 0], [0, 0, 0], [1 - kept, 0, 0], [0, 0, 0])


def test_what_is_left_of_the_objects_is_their_scores_times_their_precision() -> None:
    reference = truth([square(0), square(1), square(2)], labels=[0, 1, 1], difficult=[2])
    detections = found(
        [square(0), square(0), square(0), square(1), square(2)],
        labels=[0, 0, 2, 1, 1],
        scores=[0.4, 0.2, 0.9, 0.01, 0.8],
    )
    assert confidence_kept(reference, detections, None) == pytest.approx(0.41)
    assert confidence_kept(reference, detections, 1) == pytest.approx(0.01)
    # One false detection of its class with a larger score halves what the first object counts; one below does not.
    false = found([square(5), square(0), square(6)], labels=[0, 0, 0], scores=[0.7, 0.4, 0.1])
    assert confidence_kept(reference, false, None) == pytest.approx(0.2)
    assert confidence_kept(reference, found([]), None) == 0
    assert confidence_kept(truth([]), detections, None) == 0


@pytest.mark.parametrize(("height", "kept"), [(5.0, 1), (4.9, 0)])
def test_half_an_overlap_is_enough(height: float, kept: int) -> None:
    detections = found([(0, 0, 10, height)])
    assert _counts(truth([square(0)]), detections) == ([kept, 0, 0], [0, 0, 0], [1 - kept, 0, 0], [1 - kept, 0, 0])


def test_one_detection_keeps_one_object() -> None:
    # Two objects side by side at IoU 8/12 and one detection on the first: the second has vanished, nothing is made up.
    reference = truth([(0, 0, 10, 10), (2, 0, 12, 10)])
    assert _counts(reference, found([(0, 0, 10, 10)])) == ([1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0])
    # Nor does it mislabel a neighbour of another class.
    mixed = truth([(0, 0, 10, 10), (2, 0, 12, 10)], labels=[0, 1])
    assert _counts(mixed, found([(0, 0, 10, 10)])) == ([1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0])
    # A second detection, of another class, on the same place goes to the object still free.
    both = found([(0, 0, 10, 10), (0, 0, 10, 10)], labels=[0, 1])
    assert _counts(reference, both) == ([1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0])


def test_the_largest_overlap_goes_first_and_the_highest_score_chooses() -> None:
    # The detection at 3-13 overlaps both objects (7/13 and 9/11) and comes first: it takes the second, so the first is
    # free for the detection that fits nothing else.
    reference = truth([(0, 0, 10, 10), (2, 0, 12, 10)])
    detections = found([(-2, 0, 8, 10), (3, 0, 13, 10)], scores=[0.5, 0.9])
    assert _counts(reference, detections) == ([2, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0])


def test_duplicates_are_counted_nowhere() -> None:
    detections = found([square(0), square(0), square(0)], labels=[0, 0, 1])
    assert _counts(truth([square(0)]), detections) == ([1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0])


def test_difficult_objects_and_crowds_absorb_detections_and_are_not_counted() -> None:
    reference = truth([(0, 0, 100, 100), square(10), square(11)], labels=[0, 0, 1], crowd=[0], difficult=[1])
    # Two small boxes in the crowd, one on the difficult object; none is fabricated, and only the last object counts.
    detections = found([square(0), square(1), square(10)], labels=[0, 2, 0])
    assert _counts(reference, detections) == ([0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0])


def test_nothing_and_unusable_boxes() -> None:
    nothing = [0, 0, 0]
    assert _counts(truth([]), found([])) == (nothing,) * 4
    assert _counts(truth([square(0)]), found([])) == (nothing, nothing, [1, 0, 0], nothing)
    bad = found([(np.nan, 0, 10, 10), (5, 5, 5, 5), (10, 10, 0, 0)], labels=[0, 1, 2])
    assert _counts(truth([]), bad) == (nothing, nothing, nothing, [1, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_every_reference_object_ends_in_one_place(seed: int) -> None:
    for reference, detections in zip(*crowded_images(seed, difficult=0.2), strict=True):
        counts = count_boxes(reference, detections, 4, 0.3)
        objects = np.bincount(reference.labels[~(reference.difficult | reference.crowd)], minlength=4)
        assert (counts.kept + counts.mislabelled + counts.vanished).tolist() == objects.tolist()
        order = np.random.default_rng(seed).permutation(len(detections.labels))
        shuffled = Detected(detections.boxes[order], detections.scores[order], detections.labels[order])
        again = count_boxes(reference, shuffled, 4, 0.3)
        for field in ("kept", "mislabelled", "vanished", "fabricated"):
            assert getattr(again, field).tolist() == getattr(counts, field).tolist()


def test_clean_detections_as_the_reference() -> None:
    clean = found([square(0), square(1), square(2)], labels=[0, 1, 2], scores=[0.9, 0.5, 0.1])
    reference = as_reference(clean, 0.3)
    assert reference.labels.tolist() == [0, 1]
    assert reference.area.tolist() == [100.0, 100.0]
    assert _counts(reference, clean, 0.3) == ([1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0])


def test_totals_and_what_is_preserved() -> None:
    reference = truth([square(i) for i in range(6)], labels=[0, 0, 1, 1, 2, 2])
    hidden = count_boxes(reference, found([square(2), square(3), square(4), square(5)], labels=[1, 1, 2, 0]), 3, 0.0)
    assert preserved(hidden, attacked=[0]) == pytest.approx(75)  # of classes 1 and 2 three of four are kept
    assert preserved(hidden, attacked=[0, 2]) == pytest.approx(100)
    assert np.isnan(preserved(hidden, attacked=[0, 1, 2]))
    twice = total([hidden, hidden])
    assert twice.kept.tolist() == [0, 4, 2]
    assert twice.vanished.tolist() == [4, 0, 0]
