"""ALMA prox by hand: constraint, penalty, proximal step, masking, multipliers."""

from __future__ import annotations

import pytest
import torch

from foolscape.attacks.engine.ascent import AtMost
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.zoo.alma import AlmaProx, margins_left, prox_largest, slope
from foolscape.problem import IGNORE, Problem

PROGRESS = torch.zeros(1)


def test_the_constraint_of_hand_worked_scores() -> None:
    scores = torch.tensor([[5.0, 3.0, 1.0], [1.0, 5.0, 4.0], [2.0, 2.0, 0.0], [9.0, 1.0, 0.0]]).T[None, :, None, :]
    labels = torch.tensor([[[0, 0, 0, IGNORE]]])
    seen = margins_left(scores, Problem(torch.zeros(1, 3, 1, 4), labels, lambda x: x), PROGRESS)
    expected = [-(5 - 3 + 1e-4) / 4, -(1 - 5 + 1e-4) / 4, -1e-4 / 2, 0]
    torch.testing.assert_close(seen.value.flatten(), torch.tensor(expected))
    assert seen.active.flatten().tolist() == [True, False, True, False]


def penalty(c: float, rho: float, mu: float) -> float:
    """As the paper writes it."""
    if c >= 0:
        return mu * c + mu * rho * c**2 + rho**2 * c**3 / 6
    return mu * c / (1 - max(rho, 1) * c)


@pytest.mark.parametrize("c", [-3.0, -0.4, -1e-3, 0.0, 1e-3, 0.3, 2.0])
@pytest.mark.parametrize(("rho", "mu"), [(0.01, 1.0), (4.0, 0.2)])
def test_the_slope_is_the_derivative_of_the_penalty(c: float, rho: float, mu: float) -> None:
    step = 1e-6
    difference = (penalty(c + step, rho, mu) - penalty(c - step, rho, mu)) / (2 * step)
    found = slope(*(torch.tensor([x], dtype=torch.float64) for x in (c, rho, mu)))
    assert found.item() == pytest.approx(difference, rel=1e-5)


def test_the_slope_of_hand_worked_constraints() -> None:
    c, rho, mu = (
        torch.tensor([2.0, -1.0, -1.0, 0.0]),
        torch.tensor([0.5, 0.5, 3.0, 7.0]),
        torch.tensor([1.0, 1, 1, 0.3]),
    )
    expected = [1 + 2 * 0.5 * 2 + 0.25 * 4 / 2, 1 / 4, 1 / 16, 0.3]
    torch.testing.assert_close(slope(c, rho, mu), torch.tensor(expected))


def cost(z: torch.Tensor, wanted: torch.Tensor, weight: float, metric: torch.Tensor) -> torch.Tensor:
    """(R,) for z (R, N)."""
    return weight * z.abs().amax(1) + (metric * (z - wanted) ** 2).sum(1) / 2


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.3, 1.0, 100.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_proximal_step_is_the_best_of_a_brute_search(weight: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    wanted = torch.randn(12, generator=generator, dtype=torch.float64)
    metric = torch.rand(12, generator=generator, dtype=torch.float64) + 0.01
    low = -torch.rand(12, generator=generator, dtype=torch.float64)
    high = torch.rand(12, generator=generator, dtype=torch.float64)
    shaped = (x.view(1, 3, 2, 2) for x in (wanted, metric, low, high))
    (image, heavy, least, most) = shaped
    found = prox_largest(image, weight, heavy, least, most).flatten()[None]
    # For a largest change r the best z is `wanted` cut to the box and to [-r, r]; so all r are tried.
    radii = torch.linspace(0, 1.2, 40001, dtype=torch.float64)[:, None]
    tried = wanted.clamp(low, high).clamp(-radii, radii)
    best = cost(tried, wanted, weight, metric).min()
    # The largest change is found to 2^-20 of the largest wanted.
    assert cost(found, wanted, weight, metric).item() <= best.item() + weight * 2**-19 + 1e-9
    assert ((found >= low) & (found <= high)).all()


def test_the_proximal_step_by_hand() -> None:
    image = torch.tensor([3.0, -1.0, 0.5]).view(1, 3, 1, 1)
    ones, wide = torch.ones_like(image), torch.full_like(image, 9.0)
    # r = 2: pulling the largest down from 3 costs 1 * (3 - 2) = the weight.
    torch.testing.assert_close(prox_largest(image, 1.0, ones, -wide, wide).flatten(), torch.tensor([2.0, -1.0, 0.5]))
    # r = 0.75: (3 - r) + (1 - r) = 2.5.
    torch.testing.assert_close(prox_largest(image, 2.5, ones, -wide, wide).flatten(), torch.tensor([0.75, -0.75, 0.5]))
    # A box at 1 leaves the first component nothing to gain beyond it.
    boxed = prox_largest(image, 0.1, ones, -wide, torch.ones_like(image)).flatten()
    torch.testing.assert_close(boxed, torch.tensor([1.0, -1.0, 0.5]))


def test_each_image_of_a_batch_has_its_own_largest_change() -> None:
    images = torch.randn(3, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    box, metric = torch.full_like(images, 2.0), images.abs() + 0.1
    weights = torch.tensor([0.5, 1.0, 5.0])
    together = prox_largest(images, weights, metric, -box, box)
    for i in range(3):
        alone = prox_largest(images[i : i + 1], float(weights[i]), metric[i : i + 1], -box[:1], box[:1])
        assert torch.equal(alone, together[i : i + 1])


def made(values: list[float], steps: int = 11, share: float = 0.5) -> tuple[AlmaProx, Problem, ObjectiveValue]:
    problem = Problem(torch.zeros(1, 3, 1, len(values)), torch.zeros(1, 1, len(values), dtype=torch.int64), lambda x: x)
    c = torch.tensor(values)[None, None]
    return AlmaProx(steps, AtMost(share)), problem, ObjectiveValue(-c, c > 0)


def test_the_worst_constraints_are_dropped_as_the_steps_go_by() -> None:
    update, problem, seen = made([0.5, 0.9, 0.1, 0.7, 0.3])
    state = update.start(problem, [])
    dropped = {t: (update.target_weights(seen, (t,), state)[0] == 0).flatten().tolist() for t in (0, 4, 6, 7, 10)}
    assert not any(dropped[0])
    assert not any(dropped[4] + dropped[6])
    # 0.8 of the 2.5, cut to 2, that may be left, is 1.6: one of them, from 7 of 10 steps on.
    assert dropped[7] == dropped[10] == [False, True, False, False, False]
    _, problem, seen = made([0.5, 0.9, 0.1, 0.7, 0.3, -0.2])
    last = update.target_weights(seen, (10,), update.start(problem, []))[0]
    assert (last == 0).flatten().tolist() == [False, True, False, True, False, False]  # 0.8 * 3 = 2.4


def test_multipliers_shrink_where_a_target_is_fooled_and_the_scale_follows_success() -> None:
    update, problem, seen = made([-0.5, 0.5, 0.5])
    state = update.start(problem, [])
    first = state[0].clone()
    weights, state = update.target_weights(seen, (0,), state)
    shrunk = 0.8 * first[0, 0, 0] + 0.2 * first[0, 0, 0] / 1.5**2
    torch.testing.assert_close(state[0][0, 0, 0], shrunk)
    assert (state[0][0, 0, 1:] >= first[0, 0, 1:]).all()
    torch.testing.assert_close(weights[0, 0, 0], shrunk / 1.5**2)
    assert state[5].item() == 1  # two of three are left where one may be; the scale is at its most
    _, state = update.target_weights(
        ObjectiveValue(torch.ones(1, 1, 3), torch.zeros(1, 1, 3, dtype=torch.bool)), (1,), state
    )
    torch.testing.assert_close(state[5], torch.tensor([1 / 1.02]))


def test_curvature_doubles_where_nothing_was_won_in_ten_steps() -> None:
    update, problem, _ = made([0.5, 0.5, 0.5, -0.5], steps=101)
    state = update.start(problem, [])
    rho = state[1].clone()
    for t in range(21):
        # The first stays, the second comes closer, the third is fooled at times, the fourth always.
        c = torch.tensor([0.5, 0.5 * 0.95**t, -0.1 if t % 7 == 3 else 0.5, -0.5])[None, None]
        _, state = update.target_weights(ObjectiveValue(-c, c > 0), (t,), state)
    assert (state[1] / rho).flatten().tolist() == [2, 1, 1, 1]
    for t in range(21, 60):
        _, state = update.target_weights(
            ObjectiveValue(torch.full((1, 1, 4), -0.5), torch.ones(1, 1, 4, dtype=torch.bool)), (t,), state
        )
    assert (state[1] / rho).flatten()[0].item() == pytest.approx(10)  # and no further


def test_multipliers_begin_as_a_share_of_the_labelled_pixels() -> None:
    labels = torch.tensor([[[0, 0, 0, IGNORE]], [[0, IGNORE, IGNORE, IGNORE]]])
    problem = Problem(torch.zeros(2, 3, 1, 4), labels, lambda x: x)
    state = AlmaProx(10, AtMost(0.01)).start(problem, [])
    torch.testing.assert_close(state[0][:, 0, 0], torch.tensor([0.1 / 3, 0.1]))
    torch.testing.assert_close(state[1][:, 0, 0] ** 2, 0.75**2 * state[0][:, 0, 0])
