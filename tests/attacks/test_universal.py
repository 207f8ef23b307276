"""The tile, its gradient, its targets and what pulls at it."""

import numpy as np
import pytest
import torch

from foolscape.attacks.pictures import filled, replaced
from foolscape.attacks.universal import Lesson, Pull, Recipe, begin, learn, spread
from foolscape.problem import IGNORE

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


def test_weights_of_the_paper_and_of_the_balanced_pull() -> None:
    # Six pixels of class 0 stay, one of class 1 stays, two of class 2 are to become 0; one is void.
    prediction = torch.tensor([[[0, 0, 0, 0, 0, 0, 1, 2, 2, IGNORE]]])
    target = torch.where(prediction == 2, 0, prediction)
    scores = torch.zeros(1, 3, 1, 10)  # every class is as likely: log 3 for each pixel
    paper = Pull(omega=0.9, tau=0.75, balanced=False)(scores, prediction, target)
    assert float(paper) == pytest.approx(np.log(3) * (7 * 0.1 + 2 * 0.9) / 9)
    balanced = Pull(omega=0.5, tau=0.75, balanced=True)(scores, prediction, target)
    assert float(balanced) == pytest.approx(np.log(3))
    # The one pixel of class 1 weighs as much as the six of class 0 together.
    sure = scores.clone()
    sure[:, 1, :, 6] = 9.0
    assert float(Pull(omega=0.5, tau=0.75, balanced=True)(sure, prediction, target)) == pytest.approx(0.75 * np.log(3))


def _lesson(index: int, net: torch.nn.Module) -> Lesson:
    image = pictures(4)[index : index + 1]
    prediction = net(image).argmax(1)
    return Lesson(image, prediction, torch.where(prediction == 2, 0, prediction), tied=False)


@pytest.mark.parametrize(("batch", "momentum", "shifts"), [(None, 0.0, False), (2, 0.9, True)])
def test_learning_stays_in_the_bound_and_lowers_the_loss(batch: int | None, momentum: float, shifts: bool) -> None:
    net = conv_net()
    pull = Pull(omega=0.5, tau=0.75, balanced=True)
    recipe = Recipe(pull=pull, eps=8 / 255, step=1 / 255, epochs=8, batch=batch, momentum=momentum, shifts=shifts)
    lessons = [lambda i=i: _lesson(i, net) for i in range(4)]
    learning = begin((6, 8))
    for epoch in range(8):
        learning = learn(learning, recipe, net, lessons, torch.Generator().manual_seed(epoch))
        assert float(learning.tile.abs().max()) <= 8 / 255 + 1e-7
    assert learning.epoch == len(learning.losses) == 8
    assert learning.losses[-1] < learning.losses[0]
    again = begin((6, 8))
    for epoch in range(8):
        again = learn(again, recipe, net, lessons, torch.Generator().manual_seed(epoch))
    assert torch.equal(again.tile, learning.tile)
