"""`likeliest` is `argmax` over the classes, of equal scores the first, whatever the shape and layout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from foolscape.problem import likeliest


@pytest.mark.parametrize("shape", [(2, 9, 13, 17), (1, 2, 7, 5), (3, 150, 4, 4), (1, 20), (2, 4, 3, 6, 5), (2, 3, 0)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_likeliest_is_the_first_of_the_largest(shape: tuple[int, ...], kind: torch.dtype) -> None:
    scores = torch.randint(0, 3, shape, generator=torch.Generator().manual_seed(0)).to(kind)
    first = _first(scores)
    assert torch.equal(likeliest(scores), first)
    if scores.ndim == 4:
        assert torch.equal(likeliest(scores.to(memory_format=torch.channels_last)), first)
    assert likeliest(scores).dtype == torch.int64


def _first(scores: Tensor) -> Tensor:
    found = torch.zeros(scores.shape[:1] + scores.shape[2:], dtype=torch.int64)
    best = scores[:, 0].clone()
    for number in range(1, scores.shape[1]):
        larger = scores[:, number] > best
        found[larger], best[larger] = number, scores[:, number][larger]
    return found
