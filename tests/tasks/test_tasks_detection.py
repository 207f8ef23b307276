"""Candidates as targets: probabilities, assignment to objects, and the problem an attack sees."""

import math

import pytest
import torch
from torch import Tensor

from foolscape.tasks.detection import Candidates, Scores, assign, pairwise_iou, probabilities, problem


class Fixed:
    classes = ("a", "b")
    notes = ()
    two_stage = False

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        scores = images.flatten(2)[:, :, :2]
        return Candidates(torch.zeros(len(images), 2, 4), scores)

    def detect(self, images: Tensor, score_threshold: float) -> list[object]:
        return []


def log_odds(*chances: float) -> list[float]:
    return [math.log(p / (1 - p)) for p in chances]


def test_probabilities_of_a_softmax_head_and_of_independent_classes() -> None:
    softmax = torch.tensor([[[1.0, 0], [0, 0], [2, 0.5]]])
    assert torch.equal(probabilities(softmax), softmax.softmax(1)[:, :2])
    independent = torch.tensor([[log_odds(0.9, 0.2), log_odds(0.4, 0.3), [0.0, 0.0]]])
    torch.testing.assert_close(probabilities(independent), torch.tensor([[[0.9, 0.2], [0.4, 0.3]]]))


def test_pairwise_iou_by_hand() -> None:
    one = torch.tensor([[0.0, 0, 2, 2], [5, 5, 5, 9]])
    other = torch.tensor([[1.0, 0, 3, 2], [0, 0, 2, 2], [5, 5, 5, 9]])
    torch.testing.assert_close(pairwise_iou(one, other), torch.tensor([[1 / 3, 1.0, 0], [0, 0, 0]]))


def test_a_candidate_belongs_to_the_object_it_overlaps_most_if_it_scores_for_its_class() -> None:
    # Rows of chances: class a, class b; the columns are candidates.
    chances = [log_odds(0.5, 0.05, 0.5, 0.5), log_odds(0.5, 0.5, 0.05, 0.5), [0.0] * 4]
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 51, 51]]])
    candidates = Candidates(boxes, torch.tensor([chances]))
    objects = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 8], [20, 0, 30, 10]])
    labels = torch.tensor([0, 1, 1])
    # 0 overlaps the first more; 1 scores for b alone; 2 is at the right place with the wrong class; 3 is nowhere.
    assert assign(candidates, objects, labels, 0.1).tolist() == [[0, 1, 2, 2]]


def test_without_objects_all_is_background() -> None:
    candidates = Candidates(torch.zeros(1, 3, 4), torch.zeros(1, 3, 3))
    assert assign(candidates, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 0.1).tolist() == [[2, 2, 2]]


@pytest.mark.parametrize("floor", [0.0, -2.0])
def test_the_floor_moves_the_background_alone(floor: float) -> None:
    images = torch.rand(1, 3, 2, 2)
    scores = Scores(Fixed(), floor)(images, torch.zeros(1, 2, 4))
    expected = images.flatten(2)[:, :, :2].clone()
    expected[:, 2] += floor
    assert torch.equal(scores, expected)


def test_the_problem_keeps_the_candidates_as_context() -> None:
    boxes, labels = torch.rand(1, 2, 4), torch.tensor([[0, 1]])
    view = problem(Fixed(), torch.rand(1, 3, 2, 2), boxes, labels, None, -1.0)
    assert view.context == (boxes,)
    assert view.scores(view.images, *view.context).shape == (1, 3, 2)
