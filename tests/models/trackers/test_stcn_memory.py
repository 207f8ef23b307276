import pytest
import torch

from foolscape.models.trackers.stcn import memory as stcn_memory
from foolscape.models.trackers.stcn.memory import Memory, affinity, aggregate


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def dense(keys: torch.Tensor, query: torch.Tensor, top_k: int) -> torch.Tensor:
    """(Q, N): the weights by the definition, with whole distances and a mask."""
    scores = -torch.cdist(query, keys, compute_mode="donot_use_mm_for_euclid_dist").square() / 8
    least = scores.sort(dim=1, descending=True).values[:, min(top_k, len(keys)) - 1 : min(top_k, len(keys))]
    return scores.masked_fill(scores < least, -torch.inf).softmax(dim=1)


@pytest.mark.parametrize("top_k", [1, 4, 15, 40])
def test_weights_are_a_softmax_over_the_nearest_keys(top_k: int) -> None:
    keys, query = random(15, 64), random(7, 64, seed=1)
    found = affinity(keys, query, top_k)
    assert found.index.shape == found.weights.shape == (7, min(top_k, 15))
    torch.testing.assert_close(
        torch.zeros(7, 15).double().scatter(1, found.index, found.weights), dense(keys, query, top_k)
    )


def test_a_long_memory_is_looked_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, query = random(15, 64), random(7, 64, seed=1)
    whole = affinity(keys, query, 4)
    for size in (1, 30, 31, 15 * 6):
        monkeypatch.setattr(stcn_memory, "_CHUNK", size)
        part = affinity(keys, query, 4)
        assert torch.equal(part.index, whole.index)
        assert torch.equal(part.weights, whole.weights)


def test_reading_has_the_values_and_gradients_of_the_definition() -> None:
    keys = [random(1, 64, 2, 3, seed=i).requires_grad_() for i in range(2)]
    values = [random(3, 512, 2, 3, seed=9 + i).requires_grad_() for i in range(2)]
    query = random(1, 64, 2, 3, seed=5).requires_grad_()
    weights = random(3, 512, 2, 3, seed=6)

    got = Memory(tuple(keys), tuple(values)).read(query, 4)
    joined = torch.cat([key.flatten(2)[0] for key in keys], dim=1).T
    table = torch.cat([value.flatten(2) for value in values], dim=2)
    expected = (table @ dense(joined, query.flatten(2)[0].T, 4).T).unflatten(2, (2, 3))

    torch.testing.assert_close(got, expected)
    given = (*keys, *values, query)
    gradients = torch.autograd.grad((got * weights).sum(), given)
    for one, other in zip(gradients, torch.autograd.grad((expected * weights).sum(), given), strict=True):
        assert bool(one.any())
        torch.testing.assert_close(one, other)


def test_the_released_attack_shares_a_memory_position_among_the_queries() -> None:
    keys, values, query = torch.randn(1, 4, 2, 3), torch.randn(2, 5, 2, 3), torch.randn(1, 4, 2, 3)
    found = Memory((keys,), (values,)).read_as_released(query)
    expected = torch.zeros_like(found)
    flat, asked = keys[0].flatten(1), query[0].flatten(1)
    for m in range(6):
        near = torch.stack([-(flat[:, m] - asked[:, q]).square().sum() / 2 for q in range(6)])
        # |q|^2 is left out of the affinity, where it cancels in the softmax over the memory; here it does not.
        share = (near + asked.square().sum(dim=0) / 2).softmax(dim=0)
        expected += (values.flatten(2)[:, :, m, None] * share).view_as(expected)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_temporary_frame_gives_way() -> None:
    frames = [random(1, 1, 1, 1, seed=i) for i in range(5)]
    memory = Memory((frames[0],), (frames[0],)).plus(frames[1], frames[1], temporary=True)
    assert memory.keys == (frames[0], frames[1])
    memory = memory.plus(frames[2], frames[2], temporary=True)
    assert memory.keys == memory.values == (frames[0], frames[2])
    memory = memory.plus(frames[3], frames[3], temporary=False).plus(frames[4], frames[4], temporary=False)
    assert memory.keys == memory.values == (frames[0], frames[3], frames[4])


def test_aggregation_shares_a_pixel_between_objects_and_background() -> None:
    shared = aggregate(torch.tensor([[0.5, 0.0, 1.0, 0.9], [0.5, 0.0, 0.0, 0.9]], dtype=torch.float64))
    torch.testing.assert_close(shared.sum(dim=0), torch.ones(4, dtype=torch.float64))
    # Odds 1/3, 1, 1 for the first pixel; 1/99, 9, 9 for the last.
    torch.testing.assert_close(shared[:, 0], torch.tensor([1 / 7, 3 / 7, 3 / 7], dtype=torch.float64))
    torch.testing.assert_close(shared[0, 3], torch.tensor(1 / 99 / (1 / 99 + 18), dtype=torch.float64))
    assert float(shared[0, 1]) > 1 - 1e-6
    assert float(shared[1, 2]) > 1 - 1e-6


def test_aggregation_has_a_finite_gradient_at_0_and_1() -> None:
    chances = torch.tensor([[0.0, 1.0, 0.3, 1e-9], [1.0, 1.0, 0.2, 0.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(aggregate(chances)[0].sum(), chances)
    assert bool(gradient.isfinite().all())
    assert bool((gradient[:, 2] < 0).all())
