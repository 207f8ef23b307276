"""The share of the reference that is right in a row, by hand for each task."""

from __future__ import annotations

from typing import Any

import pytest

from foolscape.run.kept import right_share

BOX, ELSEWHERE = [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]


def boxes(found: list[tuple[list[float], float, int]], **truth: Any) -> dict[str, Any]:
    known = {
        "boxes": [BOX, ELSEWHERE],
        "labels": [0, 1],
        "difficult": [False, False],
        "crowd": [False, False],
        "area": [100.0, 100.0],
    }
    places, scores, labels = ([one[i] for one in found] for i in range(3))
    return {"truth": known | truth, "found": {"boxes": places, "scores": scores, "labels": labels}}


def clip(*objects: list[float]) -> dict[str, Any]:
    return {
        "objects": [
            {"label": i, "start": 1, "J": values, "F": [0.0] * len(values), "category": None}
            for i, values in enumerate(objects, 1)
        ]
    }


def test_pixels_of_the_right_class_over_labelled_ones() -> None:
    row = {"counts": {"hit": {"0": 3, "2": 1}, "truth": {"0": 6, "1": 2, "2": 2}, "predicted": {"0": 10}}}
    assert right_share("segmentation", row) == 0.4
    assert right_share("segmentation", {"counts": {"hit": {}, "truth": {}, "predicted": {}}}) is None


def test_objects_found_as_what_they_are() -> None:
    both = [(BOX, 0.9, 0), (ELSEWHERE, 0.8, 1)]
    assert right_share("detection", boxes(both)) == 1
    assert right_share("detection", boxes([(BOX, 0.9, 1), (ELSEWHERE, 0.8, 1)])) == 0.5  # mislabelled
    assert right_share("detection", boxes([(BOX, 0.9, 0), (ELSEWHERE, 0.29, 1)])) == 0.5  # not to be read
    assert right_share("detection", boxes([])) == 0


def test_objects_that_do_not_count_are_left_out() -> None:
    seen = [(BOX, 0.9, 0)]
    assert right_share("detection", boxes(seen, difficult=[False, True])) == 1
    assert right_share("detection", boxes(seen, crowd=[True, False])) == 0
    assert right_share("detection", boxes(seen, difficult=[True, True])) is None
    nothing = {"boxes": [], "labels": [], "difficult": [], "crowd": [], "area": []}
    assert right_share("detection", boxes(seen, **nothing)) is None


@pytest.mark.parametrize(("victim", "share"), [(0, 1.0), (1, 0.0), (2, None)])
def test_objects_of_one_class(victim: int, share: float | None) -> None:
    assert right_share("detection", boxes([(BOX, 0.9, 0)]), victim) == share


def test_the_mean_region_of_a_clips_objects() -> None:
    assert right_share("video", clip([1.0, 0.5], [0.25])) == pytest.approx(0.5)
    assert right_share("video", clip()) is None
