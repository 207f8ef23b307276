"""The tile, its gradient, its targets and what pulls at it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from foolscape.attacks.parts.objectives import ConfidenceCappedLoss, ObjectiveValue, margin
from foolscape.attacks.universal.label_maps import filled, replaced
from foolscape.attacks.universal.learn import LearnConfig, TrainingSample, UniversalLoss, begin, learn, spread
from foolscape.problem import IGNORE, OTHER, Problem

from .toys import conv_net, pictures


def test_the_gradient_of_the_tile_is_the_sum_over_its_copies() -> None:
    tile = torch.randn(3, 4, 5, dtype=torch.float64).requires_grad_(True)
    weights = torch.randn(1, 3, 11, 13, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((spread(tile, (11, 13), (1, 3)) * weights).sum(), tile)
    expected = torch.zeros(3, 4, 5, dtype=torch.float64)
    for y in range(11):
        for x in range(13):
            expected[:, (y - 1) % 4, (x - 3) % 5] += weights[0, :, y, x]
    torch.testing.assert_close(gradient, expected)


def test_a_tile_larger_than_the_image_is_cut() -> None:
    tile = torch.arange(3 * 6 * 6.0).reshape(3, 6, 6)
    assert torch.equal(spread(tile, (4, 5))[0], tile[:, :4, :5])


def test_nearest_fill_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        prediction = rng.integers(0, 4, (9, 11)).astype(np.int64)
        prediction[2:7, 3:8] = 1
        prediction[0, 0] = IGNORE
        found = filled(prediction, 1)
        others = np.argwhere((prediction != 1) & (prediction != IGNORE))
        for y, x in np.argwhere(prediction == 1):
            distance = ((others - (y, x)) ** 2).sum(axis=1)
            nearest = {int(prediction[tuple(place)]) for place in others[distance == distance.min()]}
            assert found[y, x] in nearest
        assert (found[prediction != 1] == prediction[prediction != 1]).all()
    with pytest.raises(ValueError, match="another class"):
        filled(np.ones((3, 3), np.int64), 1)
    assert (replaced(np.array([[0, 1]]), 1, 2) == [[0, 2]]).all()


def test_weights_of_the_paper_and_of_a_balanced_pull() -> None:
    # Six pixels of class 0 stay, one of class 1 stays, two of class 2 are to become 0; one is void.
    prediction = torch.tensor([[[0, 0, 0, 0, 0, 0, 1, 2, 2, IGNORE]]])
    target = torch.where(prediction == 2, 0, prediction)
    scores = torch.zeros(1, 3, 1, 10)  # every class is as likely: log 3 for each pixel
    problem = Problem(torch.zeros(1, 3, 1, 10), prediction, lambda images: images, target)
    paper = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.9, balance=None)(scores, problem)
    assert float(paper) == pytest.approx(np.log(3) * (7 * 0.1 + 2 * 0.9) / 9)
    balanced = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.5, balance=1.0)
    assert float(balanced(scores, problem)) == pytest.approx(np.log(3))
    # In between, a class weighs as the square root of its size: sqrt(6) and 1.
    half = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.5, balance=0.5)
    assert float(half(scores, problem)) == pytest.approx(np.log(3))
    # The one pixel of class 1 weighs as much as the six of class 0 together.
    sure = scores.clone()
    sure[:, 1, :, 6] = 9.0
    assert float(balanced(sure, problem)) == pytest.approx(0.75 * np.log(3))
    assert float(half(sure, problem)) == pytest.approx((1 - 0.5 / (1 + 6**0.5)) * np.log(3))


def test_without_a_target_the_answer_is_to_change() -> None:
    labels = torch.tensor([[[0, 0, 0, 1, IGNORE]]])
    scores = torch.zeros(1, 2, 1, 5)
    problem = Problem(torch.zeros(1, 3, 1, 5), labels, lambda images: images)
    scores[:, 1, :, 2] = 5.0  # fooled already: weighs nothing
    sure = np.log(1 / (1 + np.exp(-5.0)))  # not quite 1, but above tau
    assert sure > np.log(0.75)
    even = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.5, balance=None)(scores, problem)
    assert float(even) == pytest.approx(np.log(2) * 3 / 4)
    balanced = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.5, balance=1.0)(scores, problem)
    assert float(balanced) == pytest.approx(np.log(2) * (2 / 3 + 1) / 2)


def test_anything_but_the_label_is_what_a_log_of_one_minus_its_chance_asks_for() -> None:
    scores = torch.randn(1, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3
    labels = torch.randint(4, (1, 3, 3), generator=torch.Generator().manual_seed(1))
    target = torch.where(labels == 3, OTHER, labels)
    seen = ConfidenceCappedLoss(1.0)(
        scores, Problem(torch.zeros(1, 3, 3, 3), labels, lambda x: x, target), torch.zeros(1)
    )
    chance = scores.softmax(1).gather(1, labels[:, None])[:, 0]
    assert bool((labels == 3).any())
    torch.testing.assert_close(seen.value, torch.where(labels == 3, (1 - chance).log(), chance.log()))
    # The gradient lives where the label is all but certain, too.
    certain = torch.tensor([60.0, 0.0]).view(1, 2, 1, 1).requires_grad_(True)
    one = Problem(torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1).long(), lambda x: x)
    (slope,) = torch.autograd.grad(ConfidenceCappedLoss(0.75)(certain, one, torch.zeros(1)).value.sum(), certain)
    torch.testing.assert_close(slope.flatten(), torch.tensor([-1.0, 1.0]))


@pytest.mark.parametrize("bend", [0.25, 0.5, 1.0])
def test_a_bent_loss_lets_go_of_what_is_lost_for_good(bend: float) -> None:
    scores = torch.tensor([[0.0, 9.0], [0.0, 0.5]], dtype=torch.float64).T[None, :, None].requires_grad_(True)
    problem = Problem(torch.zeros(1, 3, 1, 2), torch.zeros(1, 1, 2).long(), lambda x: x, torch.zeros(1, 1, 2).long())
    chance = scores.detach().softmax(1)[:, 0]
    seen = ConfidenceCappedLoss(1.0, bend)(scores, problem, torch.zeros(1))
    torch.testing.assert_close(seen.value.detach(), 0.999 * (chance**bend - 1) / bend + 0.001 * chance.log())
    (bent,) = torch.autograd.grad(seen.value.sum(), scores)
    (paper,) = torch.autograd.grad(ConfidenceCappedLoss(1.0)(scores, problem, torch.zeros(1)).value.sum(), scores)
    lost, near = paper[0, 0, 0].tolist()
    assert lost > near, "under the logarithm the hopeless target pulls hardest"
    torch.testing.assert_close(bent[0, 0, 0], paper[0, 0, 0] * (0.999 * chance[0, 0] ** bend + 0.001))
    assert bent[0, 0, 0, 0] < bent[0, 0, 0, 1]


@pytest.mark.parametrize("wanted", [1, OTHER])
def test_a_bent_loss_keeps_a_slope_where_a_network_is_sure_of_every_pixel(wanted: int) -> None:
    """Scores 200 apart: p is 0 in single precision, and a bounded loss has no slope at all."""
    scores = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1).requires_grad_(True)
    problem = Problem(
        torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1).long(), lambda x: x, torch.full((1, 1, 1), wanted).long()
    )
    seen = ConfidenceCappedLoss(1.0, 0.5)(scores, problem, torch.zeros(1))
    (slope,) = torch.autograd.grad(seen.value.sum(), scores)
    torch.testing.assert_close(slope.flatten(), torch.tensor([-0.001, 0.001]))


def test_the_margin_is_that_of_the_best_other_class_until_the_target_is_fooled() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 5.0]]).T[None, :, None]  # two targets, three classes
    problem = Problem(torch.zeros(1, 3, 1, 2), torch.tensor([[[0, 1]]]), lambda x: x)
    seen = margin(scores, problem, torch.zeros(1))
    assert seen.value.flatten().tolist() == [-1.0, 0.0]
    assert seen.active.flatten().tolist() == [True, False]


def test_a_target_that_is_tied_to_the_tile_moves_with_it() -> None:
    """Wherever the tile lands, the wanted map lands there too, also on images that are no multiple of it."""
    seen = []

    def objective(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
        assert problem.target is not None
        seen.append((scores.detach(), problem.target))
        return ObjectiveValue(scores.sum(1), problem.counted)

    wanted = torch.arange(20).reshape(4, 5)
    lesson = TrainingSample(
        Problem(torch.zeros(1, 3, 6, 13), torch.zeros(1, 6, 13).long(), lambda images: images), wanted
    )
    pull = UniversalLoss(objective=objective, omega=0.5, balance=None)
    recipe = LearnConfig(pull=pull, eps=1.0, step=0.1, epochs=3, batch=1, momentum=0.0, adaptive=False, shifts=True)
    learning = replace(begin(torch.zeros(3, 4, 5)), tile=wanted.float().expand(3, 4, 5) / 255)
    for seed in range(3):
        learn(learning, recipe, [lambda: lesson], torch.Generator().manual_seed(seed))
    for scores, target in seen:
        assert (scores[:, 0] * 255).round().long().equal(target)
    assert len({tuple(target.flatten().tolist()) for _, target in seen}) > 1


def _lesson(index: int, net: torch.nn.Module) -> TrainingSample:
    image = pictures(4)[index : index + 1]
    prediction = net(image).argmax(1)
    return TrainingSample(Problem(image, prediction, net, torch.where(prediction == 2, 0, prediction)))


@pytest.mark.parametrize(
    ("batch", "momentum", "adaptive", "shifts"),
    [(None, 0.0, False, False), (2, 0.9, False, False), (2, 0.9, True, False), (1, 0.9, True, True)],
)
def test_learning_stays_in_the_bound_and_lowers_the_loss(
    batch: int | None, momentum: float, adaptive: bool, shifts: bool
) -> None:
    net = conv_net()
    pull = UniversalLoss(objective=ConfidenceCappedLoss(0.75), omega=0.5, balance=1.0)
    recipe = LearnConfig(
        pull=pull, eps=8 / 255, step=1 / 255, epochs=8, batch=batch, momentum=momentum, adaptive=adaptive, shifts=shifts
    )
    lessons = [lambda i=i: _lesson(i, net) for i in range(4)]
    learning = begin(torch.zeros(3, 6, 8))
    for epoch in range(8):
        learning = learn(learning, recipe, lessons, torch.Generator().manual_seed(epoch))
        assert float(learning.tile.abs().max()) <= 8 / 255 + 1e-7
    assert learning.steps == 8 * (1 if batch is None else 4 // batch)
    first, last = learning.epochs[0], learning.epochs[-1]
    assert len(learning.epochs) == 8
    assert last.loss < first.loss
    assert 0 <= first.moved <= 1
    assert 0 <= first.stayed <= 1
    again = begin(torch.zeros(3, 6, 8))
    for epoch in range(8):
        again = learn(again, recipe, lessons, torch.Generator().manual_seed(epoch))
    assert torch.equal(again.tile, learning.tile)
