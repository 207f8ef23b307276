"""Square: the paper's schedule, the bound, nothing but scores, and never worse than its start."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.objectives import margin
from foolscape.attacks.zoo.square import side_at
from foolscape.attacks.zoo.square_labels import decisions
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.problem import IGNORE, Problem

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


def test_squares_shrink_by_the_papers_schedule() -> None:
    # 0.8 of 100 x 100 pixels, halved after 10, 50, 200, 500, ... of 10,000 queries.
    sides = {taken: side_at(taken, 10_000, 0.8, (100, 100)) for taken in (1, 10, 11, 51, 201, 501, 1001, 9000)}
    assert sides == {1: 89, 10: 89, 11: 63, 51: 45, 201: 32, 501: 22, 1001: 16, 9000: 4}
    assert side_at(11, 100, 0.8, (100, 100)) == side_at(1100, 10_000, 0.8, (100, 100))
    assert side_at(1, 10_000, 0.8, (16, 400)) == 16
    assert side_at(9999, 10_000, 0.8, (4, 4)) == 1


def looks(steps: int) -> tuple[list[Tensor], Problem, float]:
    """Every image that the network is asked about."""
    posed, seen = problem_of(conv_net(), pictures(1)), []

    def asked(images: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        seen.append(images.clone())
        scores: Tensor = posed.scores(images)
        return scores

    settled = plan("square", {"steps": steps, "eps": Levels.parse("2/255")}, CLASSES)
    (outcome,) = ascend(entrants(Problem(posed.images, posed.labels, asked)), settled.ascent)
    assert outcome.iterations == steps
    return seen, posed, outcome.remaining


def test_stripes_then_squares_of_the_whole_bound_one_query_each() -> None:
    seen, posed, left = looks(40)
    assert len(seen) == 41
    assert torch.equal(seen[0], posed.images)
    exact = [(image - posed.images)[0] * 255 for image in seen[1:]]
    changes = [change.round() for change in exact]
    assert all(torch.allclose(change, whole, atol=1e-3) for change, whole in zip(exact, changes, strict=True))
    assert all(torch.equal(change.abs(), torch.full_like(change, 2)) for change in changes)
    assert all(torch.equal(changes[0][:, 0], row) for row in changes[0].unbind(1))
    values = [float(margin(posed.scores(i), posed, torch.zeros(1)).value.sum()) for i in seen[1:]]
    kept, value = changes[0], values[0]
    for taken, (change, here) in enumerate(zip(changes[1:], values[1:], strict=True), start=1):
        other = (change != kept).any(0)
        rows, columns = other.any(1).sum(), other.any(0).sum()
        assert max(rows, columns) <= side_at(taken, 40, 0.8, (12, 16))
        if here > value:
            kept, value = change, here
    right = [int(margin(posed.scores(i), posed, torch.zeros(1)).active.sum()) for i in seen]
    assert left == min(right[1:]) <= right[1] <= right[0]


def test_more_queries_leave_less() -> None:
    assert looks(400)[2] < looks(10)[2]


def test_square_under_a_goal_and_what_it_refuses() -> None:
    settled = plan("square", {"goal": "vanish"}, CLASSES, "detection")
    assert settled.settings["gradients_per_step"] == 0
    assert (settled.steps, str(settled.step), settled.stop) == (1000, "16/255", 0.0)
    for options in ({"norm": "l2"}, {"step": Levels.parse("1/255")}, {"loss": "ce"}):
        with pytest.raises(SettingError):
            plan("square", options, CLASSES)


def test_by_decisions_alone_scores_do_not_count() -> None:
    labels = torch.tensor([[0, 1, 2, IGNORE]])
    scores = torch.tensor([[[5.0, 0.0, 0.0, 9.0], [0.0, 0.1, 4.0, 0.0], [0.0, 0.0, 3.0, 0.0]]])
    given = Problem(torch.zeros(1, 3, 1, 1), labels, lambda images: images)
    value = decisions(scores, given, torch.zeros(1))
    assert value.value.tolist() == [[-1, -1, 0, 0]]
    assert value.active.tolist() == [[True, True, False, False]]
    assert torch.equal(decisions(100 * scores, given, torch.zeros(1)).value, value.value)
    aimed = replace(given, target=torch.tensor([[1, 1, 1, IGNORE]]))
    assert decisions(scores, aimed, torch.zeros(1)).value.tolist() == [[-1, 0, 0, 0]]
