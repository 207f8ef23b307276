"""The search for similar positions, against a matrix of all."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from foolscape.models.trackers.propagation.window_affinity import Map, affinity


def maps(count: int, size: tuple[int, int], channels: int = 5) -> list[Map]:
    drawn = torch.randn((count, size[0] * size[1], channels), generator=torch.Generator().manual_seed(1))
    return [Map(normalize(one.double(), dim=1), size) for one in drawn]


def dense(query: Map, others: list[Map], everywhere: int, radius: int, top_k: int, tau: float) -> Tensor:
    """(Q, F * h * w): the weights, mostly 0."""
    height, width = query.size
    rows, columns = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    far = torch.maximum((rows[:, None] - rows).abs(), (columns[:, None] - columns).abs()) > radius
    parts = []
    for n, one in enumerate(others):
        similar = query.features @ one.features.T
        parts.append(similar if n < everywhere else similar.masked_fill(far, -torch.inf))
    similar = torch.cat(parts, dim=1)
    least = similar.topk(top_k, dim=1).values[:, -1:]
    return (similar.masked_fill(similar < least, -torch.inf) / tau).softmax(dim=1)


@pytest.mark.parametrize("size", [(7, 9), (20, 33), (1, 12)])
@pytest.mark.parametrize(("everywhere", "radius", "top_k"), [(1, 2, 4), (0, 3, 10), (3, 0, 3), (1, 40, 5)])
def test_those_of_a_full_matrix(size: tuple[int, int], everywhere: int, radius: int, top_k: int) -> None:
    query, *others = maps(4, size)
    found = affinity(query, others, everywhere=everywhere, radius=radius, top_k=top_k, tau=0.1)
    top_k = min(top_k, found.index.shape[1])
    spread = torch.zeros((len(query.features), 3 * len(query.features)), dtype=torch.float64)
    spread.scatter_(1, found.index, found.weights)
    torch.testing.assert_close(spread, dense(query, others, everywhere, radius, top_k, 0.1))


def test_no_more_are_kept_than_a_corner_sees() -> None:
    query, *others = maps(3, (6, 8))
    found = affinity(query, others, everywhere=0, radius=1, top_k=50, tau=0.1)
    assert found.index.shape == (48, 8)


def test_the_gradient_is_that_of_the_full_matrix() -> None:
    query, *others = maps(3, (6, 7))
    values = torch.randn((84, 2), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for one in (query, *others):
        one.features.requires_grad_()
    given = [query.features, *(one.features for one in others)]
    found = affinity(query, others, everywhere=1, radius=2, top_k=6, tau=0.2)
    kept = (found.weights[..., None] * values[found.index]).sum(dim=1).square().sum()
    whole = (dense(query, others, 1, 2, 6, 0.2) @ values).square().sum()
    for one, other in zip(torch.autograd.grad(kept, given), torch.autograd.grad(whole, given), strict=True):
        torch.testing.assert_close(one, other)
