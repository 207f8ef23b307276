"""Attacks on a linear network, where the right answer is known in closed form."""

import pytest
import torch
from torch.nn import functional

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.ascent import Ascent, AtMost, never
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.constraints import L2, Linf, PixelRange
from foolscape.attacks.parts.objectives import cross_entropy, dense_adversary, towards
from foolscape.attacks.parts.updates import MaxAbs, Momentum, Sign, UnitL2
from foolscape.pixels import Levels
from foolscape.problem import IGNORE, Problem

from .toys import conv_net, entrants, linear_net, pictures, problem_of

PROGRESS = torch.zeros(1)


def scores_of(*pixels: list[float]) -> torch.Tensor:
    """(1, C, 1, W) scores from one list per pixel."""
    return torch.tensor(pixels).T[None, :, None, :]


def test_fgsm_takes_the_step_that_is_best_for_one_linear_pixel() -> None:
    net = linear_net(classes=2)
    problem = problem_of(net, pictures(1, 1, 1) * 0.5 + 0.25)
    (outcome,) = ascend(entrants(problem), plan("fgsm", {}, ("a", "b")).ascent)
    label = int(problem.labels)
    slope = net.weight[1 - label] - net.weight[label]  # type: ignore[index,operator]
    expected = problem.images + 8 / 255 * slope.flatten().sign()[None, :, None, None]
    assert torch.allclose(outcome.adversarial, expected, atol=1e-6)
    assert outcome.iterations == 1


def test_dag_reaches_the_linear_boundary_within_one_step_of_the_smallest_change() -> None:
    net = linear_net(classes=2, dtype=torch.float64)
    images = pictures(6, 1, 1, torch.float64) * 0.5 + 0.25
    problem = problem_of(net, images)
    target = 1 - problem.labels
    attack = plan("dag", {"quantise_steps": False}, ("a", "b")).ascent
    for outcome in ascend(entrants(problem_of(net, images, target)), attack):
        i = int(outcome.key)
        slope = (net.weight[1] - net.weight[0]).flatten()  # type: ignore[index]
        gap = (net(images)[i, 0] - net(images)[i, 1]).abs().item()
        steps = -(-gap // (slope.square().sum().item() / slope.abs().max().item() * attack.step))
        assert outcome.claimed
        assert outcome.iterations == steps  # the boundary cannot be crossed by less
        assert outcome.perturbation.abs().max().item() == pytest.approx(steps * attack.step)


def test_dag_steps_have_the_size_the_paper_gives_them() -> None:
    problem = problem_of(conv_net(), pictures(1))
    one = Ascent(
        objective=dense_adversary, update=MaxAbs(), constraint=PixelRange(), step=0.5 / 255, steps=1, stop=AtMost(0)
    )
    inner = Problem(problem.images * 0.5 + 0.25, problem.labels, problem.scores, (problem.labels + 1) % 4)
    (outcome,) = ascend(entrants(inner), one)
    assert outcome.perturbation.abs().max().item() == pytest.approx(0.5 / 255, rel=1e-4)


def test_dense_adversary_counts_only_targets_that_are_still_right() -> None:
    scores = scores_of([3, 1, 2], [1, 3, 2], [3, 1, 2], [3, 1, 2])
    labels = torch.tensor([[[0, 0, IGNORE, 0]]])
    target = torch.tensor([[[1, 1, 1, IGNORE]]])
    seen = dense_adversary(scores, Problem(torch.zeros(1, 3, 1, 4), labels, lambda x: x, target), PROGRESS)
    assert seen.active.flatten().tolist() == [True, False, False, False]
    assert seen.value.flatten().tolist() == [1 - 3, 0, 0, 0]


def test_released_variant_subtracts_the_prediction_and_waits_for_the_target() -> None:
    scores = scores_of([3, 1, 2], [1, 3, 2], [2, 1, 3])
    labels = torch.tensor([[[0, 0, 0]]])
    target = torch.tensor([[[1, 1, 1]]])
    seen = towards(scores, Problem(torch.zeros(1, 3, 1, 3), labels, lambda x: x, target), PROGRESS)
    assert seen.active.flatten().tolist() == [True, False, True]
    assert seen.value.flatten().tolist() == [1 - 3, 0, 1 - 3]


def test_cross_entropy_is_torch_own_and_void_counts_nowhere() -> None:
    scores = (30 * torch.randn(2, 5, 3, 4, dtype=torch.float64)).requires_grad_(True)
    labels = torch.randint(0, 5, (2, 3, 4))
    labels[0, 0, 0] = IGNORE
    seen = cross_entropy(scores, Problem(torch.zeros(2, 3, 3, 4), labels, lambda x: x), torch.zeros(2))
    value = functional.cross_entropy(scores, labels, ignore_index=IGNORE, reduction="none")
    torch.testing.assert_close(seen.value, value, rtol=1e-12, atol=1e-12)
    weights = torch.rand_like(value)
    (gradient,) = torch.autograd.grad((weights * seen.value).sum(), scores)
    torch.testing.assert_close(
        gradient, torch.autograd.grad((weights * value).sum(), scores)[0], rtol=1e-12, atol=1e-12
    )
    assert not seen.active[0, 0, 0]
    expected = (scores.argmax(1) == labels) & (labels != IGNORE)
    assert torch.equal(seen.active, expected)


@pytest.mark.parametrize("update", [Sign(), MaxAbs(), UnitL2(), Momentum()])
def test_a_gradient_of_zero_gives_no_step_and_no_nan(update: Sign | MaxAbs | UnitL2 | Momentum) -> None:
    problem = problem_of(conv_net(), pictures(2))
    zero = torch.zeros_like(problem.images)
    seen = cross_entropy(problem.scores(problem.images), problem, PROGRESS)
    direction, _ = update.direction(zero, seen, update.start(problem, []))
    assert torch.equal(direction, zero)


def test_momentum_follows_its_definition() -> None:
    problem = problem_of(conv_net(), pictures(2))
    update, generators = Momentum(decay=0.5), [torch.Generator(), torch.Generator()]
    seen = cross_entropy(problem.scores(problem.images), problem, PROGRESS)
    first, second = torch.randn(2, *problem.images.shape)
    state = update.start(problem, generators)
    _, state = update.direction(first, seen, state)
    direction, state = update.direction(second, seen, state)

    def unit(g: torch.Tensor) -> torch.Tensor:
        return g / g.abs().flatten(1).sum(1)[:, None, None, None]

    assert torch.allclose(state[0], 0.5 * unit(first) + unit(second))
    assert torch.equal(direction, state[0].sign())


def test_pgd_returns_its_best_iterate_and_says_that_it_failed() -> None:
    problem = problem_of(conv_net(), pictures(1))
    attack = plan("pgd", {"eps": Levels.parse("2/255"), "steps": 6}, ("a", "b", "c", "d")).ascent
    (outcome,) = ascend(entrants(problem), attack)
    left = int((problem.scores(outcome.adversarial).argmax(1) == problem.labels).sum())
    assert not outcome.claimed
    assert outcome.remaining == left < outcome.targets
    assert not torch.equal(outcome.adversarial, problem.images)
    assert outcome.iterations == 6


def test_best_iterate_is_the_best_of_all_looked_at() -> None:
    looked: list[int] = []
    net = conv_net()

    def spy(images: torch.Tensor) -> torch.Tensor:
        scores = net(images)
        looked.append(int((scores.argmax(1) == labels).sum()))
        return scores

    images = pictures(1)
    labels = net(images).argmax(1)
    wild = Ascent(
        objective=cross_entropy, update=Sign(), constraint=Linf(0.2), step=0.4, steps=15, stop=never, random_start=True
    )
    (outcome,) = ascend(entrants(Problem(images, labels, spy)), wild)
    assert len(looked) == 16
    assert outcome.remaining == min(looked[1:])
    assert outcome.remaining < looked[-1]  # or the test shows nothing: the last iterate is not the best


def test_an_image_that_is_wrong_from_the_start_takes_no_step() -> None:
    net = linear_net()
    images = pictures(1)
    labels = (net(images).argmax(1) + 1) % 4
    problem = Problem(images, labels, net, (labels + 1) % 4)
    (outcome,) = ascend(entrants(problem), plan("dag", {}, ("a", "b", "c", "d")).ascent)
    assert outcome.claimed
    assert outcome.iterations == 0
    assert torch.equal(outcome.adversarial, images)


def test_l2_attack_moves_along_the_gradient_of_a_linear_network_to_the_edge_of_the_ball() -> None:
    net = linear_net(classes=2, dtype=torch.float64)
    problem = problem_of(net, torch.full((1, 3, 1, 1), 0.5, dtype=torch.float64))
    attack = Ascent(objective=cross_entropy, update=UnitL2(), constraint=L2(0.1), step=0.03, steps=8, stop=never)
    (outcome,) = ascend(entrants(problem), attack)
    label = int(problem.labels)
    slope = (net.weight[1 - label] - net.weight[label]).flatten()  # type: ignore[index,operator]
    assert torch.allclose(outcome.perturbation.flatten(), 0.1 * slope / slope.norm(), atol=1e-9)
