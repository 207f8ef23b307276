"""What the badge of an image says of the attack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from foolscape.records.reader import read_run
from foolscape.report.pictures.gallery import gallery
from foolscape.report.tasks.points import points_lost

from .page import page_of

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("before", "after", "words", "standing"),
    [
        (96.2, 1.9, "lost 94.3 of 96.2 points of accuracy", "fooled"),
        (90.0, 45.0, "lost 45.0 of 90.0 points of accuracy", "fooled"),
        (90.0, 60.0, "lost 30.0 of 90.0 points of accuracy", ""),
        (90.0, 88.0, "lost 2.0 of 90.0 points of accuracy", "held"),
        (90.0, 91.0, "lost 0.0 of 90.0 points of accuracy", "held"),
    ],
)
def test_a_loss_is_of_what_was_right(before: float, after: float, words: str, standing: str) -> None:
    loss = points_lost(before, after, "accuracy")
    assert loss is not None
    assert (loss.words, loss.standing) == (words, standing)


@pytest.mark.parametrize("before", [0.0, float("nan")])
def test_nothing_is_lost_where_nothing_was_right(before: float) -> None:
    assert points_lost(before, 0.0, "accuracy") is None


def test_the_page_says_what_each_image_lost(make: Make) -> None:
    directory = make()
    run = read_run(directory)
    cases = [case for _, group in gallery(run, run.record.models[0]).groups for case in group]
    text = page_of(directory).text
    assert cases
    for case in cases:
        facts = dict(case.facts)
        before, after = (float(facts[name].removesuffix(" %")) for name in ("pixel accuracy", "attacked"))
        assert case.loss is not None
        assert case.loss.share == pytest.approx((before - after) / before, abs=0.01)
        assert case.loss.words in text
    assert "fell short" not in text
