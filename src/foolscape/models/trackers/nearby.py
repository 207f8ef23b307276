"""Where in other frames a position finds what it looks like: the nearest features within a window, and how near.

The nearest are looked for without gradient, tile by tile; only the similarities that are kept are calculated again with
one. So memory is bounded by one tile's similarities while looking, and by Q * k * C numbers in the graph, however
large the window and however many frames are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.models.trackers.stcn_memory import Affinity

_FAR: Final = -2.0
"""Below every cosine: a position outside the window."""


@dataclass(frozen=True)
class Map:
    """The features of one frame.

    Attributes:
        features: (h * w, C), of length 1, row by row.
        size: (h, w).
    """

    features: Tensor
    size: tuple[int, int]


def affinity(query: Map, others: Sequence[Map], *, radius: int, top_k: int, tau: float) -> Affinity:
    """The `top_k` positions of `others` most similar to each position of `query`, weighed by a softmax over them.

    Args:
        query: (h * w, C).
        others: F maps of the same size; position p of map f has the index f * h * w + p.
        radius: only positions at most so many rows and columns away are looked at.
        top_k: how many of them are kept, over all maps together; as many as every position has if that is fewer.
        tau: similarities (cosines) are divided by it before the softmax.

    Returns:
        Differentiable in all features.
    """
    height, width = query.size
    keys = torch.cat([one.features for one in others])
    # The corner of the map sees the smallest window.
    fewest = len(others) * min(radius + 1, height) * min(radius + 1, width)
    index = _nearest(query, keys.detach(), radius, min(top_k, fewest))
    kept = functional.embedding(index, keys)
    return Affinity(index, (torch.bmm(kept, query.features[:, :, None])[:, :, 0] / tau).softmax(dim=1))


@torch.no_grad()
def _nearest(query: Map, keys: Tensor, radius: int, count: int) -> Tensor:
    """(h * w, count) int64: the most similar of `keys` (F * h * w, C) within `radius`, most similar first."""
    height, width = query.size
    rows = query.features.detach().view(height, width, -1)
    stack = keys.view(-1, height, width, keys.shape[1])
    places = torch.arange(len(keys), device=keys.device).view(stack.shape[:3])
    found = places.new_empty((height, width, count))
    for down, window_down in _tiles(height, radius):
        for across, window_across in _tiles(width, radius):
            far = _far(down, window_down, radius)[:, None, :, None] | _far(across, window_across, radius)[:, None]
            seen = stack[:, window_down, window_across]
            similar = rows[down, across].flatten(0, 1) @ seen.flatten(0, 2).T
            # (positions, F, window), every frame with the same window
            similar = similar.view(far.shape[0] * far.shape[1], len(stack), -1)
            similar.masked_fill_(far.flatten(2).flatten(0, 1)[:, None].to(keys.device), _FAR)
            best = similar.flatten(1).topk(count, dim=1).indices
            chosen = places[:, window_down, window_across].flatten()[best]
            found[down, across] = chosen.view(far.shape[0], far.shape[1], count)
    return found.flatten(0, 1)


def _tiles(side: int, radius: int) -> Iterator[tuple[slice, slice]]:
    """Slices of a side of a map, and of what positions in them can see."""
    # Small tiles have many windows that overlap, large ones windows of which each position sees only a part.
    step = max(4, radius)
    for start in range(0, side, step):
        end = min(start + step, side)
        yield slice(start, end), slice(max(0, start - radius), min(side, end + radius))


def _far(tile: slice, window: slice, radius: int) -> Tensor:
    """(positions of the tile, positions of the window) bool: whether they are more than `radius` apart."""
    one, other = (torch.arange(part.start, part.stop) for part in (tile, window))
    return (one[:, None] - other).abs() > radius
