"""What an attack with several objectives comes to, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from foolscape.report.tables.objectives import several as table
from foolscape.run.scores.objectives import several

CLASSES = ("sky", "sign")


def result(name: str, sky: int, sign: int) -> dict[str, Any]:
    """A result that predicts nothing but what is right, of 100 pixels of sky and 4 of a sign."""
    right = {key: n for key, n in (("0", sky), ("1", sign)) if n}
    return {"name": name, "counts": {"hit": right, "truth": {"0": 100, "1": 4}, "predicted": right}}


ROWS = [
    {"id": "a", "candidates": [result("ce", 50, 4), result("js", 100, 0)]},
    {"id": "b", "candidates": [result("ce", 0, 0)]},  # finished at once
]


def test_the_scores_of_each_objective_and_of_their_choice() -> None:
    found = several(ROWS, CLASSES, seed=0)
    # Pooled over both images: 50 of 200 and 4 of 8; 100 of 200 and none of 8.
    assert found["objectives"]["ce"]["mIoU"] == pytest.approx((25 + 50) / 2)
    assert found["objectives"]["js"]["mIoU"] == pytest.approx((50 + 0) / 2)
    assert found["objectives"]["js"]["pixel_accuracy"] == pytest.approx(100 * 100 / 208)
    assert [one["fewest"] for one in found["objectives"].values()] == [2, 0]
    assert [one["greedy"] for one in found["objectives"].values()] == [1, 1]
    assert found["greedy"]["mIoU"] == pytest.approx(25)
    assert found["greedy"]["ci95"]["mIoU"] == [None, None]  # of two images
    low, high = several(ROWS * 4, CLASSES, seed=0)["greedy"]["ci95"]["mIoU"]
    assert low < 25 < high


def test_an_attack_with_one_result_has_nothing_to_choose() -> None:
    assert several([{"id": "a"}], CLASSES, seed=0) == {}
    assert table({"models": [{"model": "net"}]}) == ()


def test_the_table_ends_in_both_choices() -> None:
    model = {"model": "net", "samples": 2, "conditions": {"adversarial": {"mIoU": 37.5, "pixel_accuracy": 26.0}}}
    (shown,) = table({"task": "segmentation", "models": [model | {"several": several(ROWS, CLASSES, seed=0)}]})
    assert [row[1].value for row in shown.rows] == ["ce", "js", "fewest right pixels per image", "greedy choice"]
    assert [row[2].value for row in shown.rows] == ["37.50", "25.00", "37.50", "25.00"]
    assert shown.rows[3][2].detail
