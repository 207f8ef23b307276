from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.tasks.video import ReusingTracker, Start, Tracker, follow, numbered


@dataclass(frozen=True)
class Still:
    """Says that nothing moves."""

    notes: tuple[str, ...] = ()

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        objects = torch.nn.functional.one_hot(first_mask).permute(2, 0, 1).to(frames)
        return objects.expand(len(frames), -1, -1, -1)


def test_predicting_needs_no_gradient() -> None:
    mask = torch.tensor([[0, 1, 2], [2, 1, 0]])
    found = follow(Still(), torch.zeros(4, 3, 2, 3, requires_grad=True), [Start(0, mask)])
    assert torch.equal(found, mask.expand(4, -1, -1))


def test_what_keeps_the_protocol_is_a_tracker() -> None:
    assert isinstance(Still(), Tracker)
    assert not isinstance(Still(), ReusingTracker)
    assert not isinstance(torch.nn.Identity(), Tracker)


def test_labels_with_gaps_are_numbered_and_come_back() -> None:
    mask = torch.tensor([[0, 7, 7], [3, 0, 0]])
    without_gaps, own = numbered(mask)
    assert without_gaps.tolist() == [[0, 2, 2], [1, 0, 0]]
    assert own.tolist() == [0, 3, 7]
    found = follow(Still(), torch.zeros(3, 3, 2, 3), [Start(0, mask)])
    assert torch.equal(found, mask.expand(3, -1, -1))
    assert numbered(torch.ones(2, 2, dtype=torch.int64))[0].tolist() == [[1, 1], [1, 1]]


def test_objects_given_later_join_without_touching_what_was_before() -> None:
    first, second = torch.tensor([[1, 0, 0], [1, 0, 0]]), torch.tensor([[0, 0, 5], [0, 0, 0]])
    found = follow(Still(), torch.zeros(4, 3, 2, 3), [Start(0, first), Start(2, second)])
    assert torch.equal(found[:2], first.expand(2, -1, -1))
    assert torch.equal(found[2:], (first + second).expand(2, -1, -1))
