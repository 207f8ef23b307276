"""Where in other frames a position finds what it looks like: the nearest features within a window, and how near.

The search for the nearest runs without gradient, tile by tile; only the similarities that are kept are recomputed with
one. So memory is bounded by one tile's similarities during the search, and by Q * k * C numbers in the graph, however
large the window and however many frames are searched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.models.trackers.stcn.memory import Affinity

_FAR: Final = -2.0
"""Below every cosine: a position outside the window."""

_TILE: Final = 16
"""Side of the largest tile: 256 positions, and what they are compared with."""


@dataclass(frozen=True)
class Map:
    """The features of one frame.

    Attributes:
        features: (h * w, C), of length 1, row by row.
        size: (h, w).
    """

    features: Tensor
    size: tuple[int, int]


def affinity(query: Map, others: Sequence[Map], *, everywhere: int, radius: int, top_k: int, tau: float) -> Affinity:
    """The `top_k` positions of `others` most similar to each position of `query`, weighed by a softmax over them.

    Args:
        query: (h * w, C).
        others: F maps of the same size; position p of map f has the index f * h * w + p.
        everywhere: in so many of them, the first ones, all positions are searched.
        radius: in the others only those at most so many rows and columns away.
        top_k: how many positions are kept, over all maps together; as many as every position has if that is fewer.
        tau: similarities (cosines) are divided by it before the softmax.

    Returns:
        Differentiable in all features.
    """
    keys = torch.cat([one.features for one in others])
    split = everywhere * len(query.features)
    nearest = [
        _nearest(query, part.detach(), reach, top_k)
        for part, reach in ((keys[:split], max(query.size)), (keys[split:], radius))
        if len(part)
    ]
    similar = torch.cat([values for values, _ in nearest], dim=1)
    places = torch.cat([index + (len(keys[:split]) if n else 0) for n, (_, index) in enumerate(nearest)], dim=1)
    best = similar.topk(min(top_k, similar.shape[1]), dim=1).indices
    index = places.gather(1, best)
    kept = functional.embedding(index, keys)
    return Affinity(index, (torch.bmm(kept, query.features[:, :, None])[:, :, 0] / tau).softmax(dim=1))


@torch.no_grad()
def _nearest(query: Map, keys: Tensor, radius: int, top_k: int) -> tuple[Tensor, Tensor]:
    """The most similar of `keys` (F * h * w, C) within `radius`: similarities, and which (h * w, k) int64."""
    height, width = query.size
    rows = query.features.detach().view(height, width, -1)
    stack = keys.view(-1, height, width, keys.shape[1])
    places = torch.arange(len(keys), device=keys.device).view(stack.shape[:3])
    # The corner of the map sees the smallest window.
    count = min(top_k, len(stack) * min(radius + 1, height) * min(radius + 1, width))
    similar, index = keys.new_empty((height, width, count)), places.new_empty((height, width, count))
    for down, window_down in _tiles(height, radius):
        for across, window_across in _tiles(width, radius):
            far = _far(down, window_down, radius)[:, None, :, None] | _far(across, window_across, radius)[:, None]
            window = stack[:, window_down, window_across].flatten(0, 2)
            # (positions of the tile, F, positions of the window)
            all_of = (rows[down, across].flatten(0, 1) @ window.T).view(-1, len(stack), far[0, 0].numel())
            all_of.masked_fill_(far.flatten(2).flatten(0, 1)[:, None].to(keys.device), _FAR)
            best = all_of.flatten(1).topk(count, dim=1)
            shape = (*far.shape[:2], count)
            similar[down, across] = best.values.view(shape)
            index[down, across] = places[:, window_down, window_across].flatten()[best.indices].view(shape)
    return similar.flatten(0, 1), index.flatten(0, 1)


def _tiles(side: int, radius: int) -> Iterator[tuple[slice, slice]]:
    """Slices of a side of a map, and of what positions in them can see."""
    # Small tiles have many windows that overlap, large ones windows of which each position sees only a part.
    step = min(max(4, radius), _TILE)
    for start in range(0, side, step):
        end = min(start + step, side)
        yield slice(start, end), slice(max(0, start - radius), min(side, end + radius))


def _far(tile: slice, window: slice, radius: int) -> Tensor:
    """(positions of the tile, positions of the window) bool: whether they are more than `radius` apart."""
    one, other = (torch.arange(part.start, part.stop) for part in (tile, window))
    return (one[:, None] - other).abs() > radius
