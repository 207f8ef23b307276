"""What an attack with several objectives comes to, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.intervals import interval
from foolscape.metrics.segmentation import PixelsMeasured, mean_iou, pixel_accuracy, stack, total
from foolscape.metrics.tasks.segmentation import counts_of
from foolscape.metrics.worst import picked, worst_choice
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.row import AnyRow, Row, Tried
from foolscape.report.tables.objectives import several as table
from foolscape.run.scores.objectives import ObjectiveResults
from tests.written import summary_with

CLASSES = ("sky", "sign")


def result(name: str, sky: int, sign: int) -> Tried[PixelsMeasured]:
    """A result that predicts nothing but what is right, of 100 pixels of sky and 4 of a sign."""
    right = {label: n for label, n in enumerate((sky, sign)) if n}
    return Tried(name=name, measured=PixelsMeasured(right, right))


def row(name: str, *candidates: Tried[PixelsMeasured]) -> AnyRow:
    found, truth = PixelsMeasured({}, {}), {0: 100, 1: 4}
    return Row(
        model="m", id=name, condition=ADVERSARIAL, size=(8, 13), measured=found, truth=truth, candidates=candidates
    )


ROWS = [
    row("a", result("ce", 50, 4), result("js", 100, 0)),
    row("b", result("ce", 0, 0)),  # finished at once
]


def several(rows: Sequence[AnyRow], classes: Sequence[str], seed: int) -> dict[str, Any]:
    results = ObjectiveResults(classes)
    for one in rows:
        results.add(one)
    return dict(results.summed(seed))


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


def drawn(images: int) -> list[AnyRow]:
    """Images of 40 classes that show a few of them, with one to four results of five objectives."""
    rng = np.random.default_rng(images)
    rows = []
    for number in range(images):
        truth = {int(label): int(rng.integers(1, 99)) for label in rng.choice(40, 3, False)}
        names = [f"o{one}" for one in sorted(rng.choice(5, rng.integers(1, 5), False))]
        hits = [{label: int(rng.integers(n + 1)) for label, n in truth.items()} for _ in names]
        measured = [PixelsMeasured(hit, {**hit, int(rng.integers(40)): 99}) for hit in hits]
        tried = (Tried(name=name, measured=one) for name, one in zip(names, measured, strict=True))
        rows.append(replace(row(str(number), *tried), truth=truth))
    return rows


@pytest.mark.parametrize("images", [9, 1003])
def test_results_that_are_held_by_class_come_to_what_their_counts_do(images: int) -> None:
    classes = [str(number) for number in range(40)]
    rows = drawn(images)
    found = several(rows, classes, seed=1)
    counts = [
        {one.name: counts_of(one_row.sample_of(one.measured), 40) for one in one_row.candidates} for one_row in rows
    ]
    for name, objective in found["objectives"].items():
        alone = total([of_image.get(name, [*of_image.values()][-1]) for of_image in counts])
        assert objective["mIoU"] == mean_iou(alone)
        assert objective["pixel_accuracy"] == pixel_accuracy(alone)
    results = [stack([*of_image.values()]) for of_image in counts]
    greedy = [*picked(results, worst_choice(results))]
    assert found["greedy"]["mIoU"] == mean_iou(total(greedy))
    assert found["greedy"]["ci95"]["mIoU"] == list(interval(stack(greedy), mean_iou, seed=1))
    for times in ("fewest", "greedy"):
        assert sum(one[times] for one in found["objectives"].values()) == images


def test_results_of_a_class_that_is_none_are_refused() -> None:
    with pytest.raises(SampleError, match="classes 0 to 0"):
        several(ROWS, CLASSES[:1], seed=0)


def test_an_attack_with_one_result_has_nothing_to_choose() -> None:
    assert several([row("a")], CLASSES, seed=0) == {}
    assert table(summary_with({"model": "net"})) == ()


def test_the_table_ends_in_both_choices() -> None:
    model = {"model": "net", "samples": 2, "conditions": {"adversarial": {"mIoU": 37.5, "pixel_accuracy": 26.0}}}
    (shown,) = table(summary_with(model | {"several": several(ROWS, CLASSES, seed=0)}))
    assert [row[1].value for row in shown.rows] == ["ce", "js", "fewest right pixels per image", "greedy choice"]
    assert [row[2].value for row in shown.rows] == ["37.50", "25.00", "37.50", "25.00"]
    assert shown.rows[3][2].detail
