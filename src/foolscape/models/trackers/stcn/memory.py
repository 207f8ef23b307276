"""What STCN remembers of a clip, how a frame reads it, and how objects share a pixel.

Cheng, Tai, Tang 2021 (STCN): the affinity is the negative squared distance of keys. The softmax over the largest
affinities alone and the soft aggregation are those of the official inference. All of it is differentiable, and there is
only one way to calculate it, with or without a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

_FEWEST: Final = 1e-7
"""Probabilities are kept this far from 0 and 1 when objects are weighed against each other."""

_CHUNK: Final = 2**24
"""How many affinities are computed at once: 64 MiB in float32."""


def aggregate(probabilities: Tensor) -> Tensor:
    """Soft aggregation: objects that were segmented one by one, and the background, share every pixel.

    The background has the product of what the objects leave; all channels are clamped to [1e-7, 1 - 1e-7], and a
    softmax is taken over their log-odds. One object alone does not keep its probability. Where the clamp bites, the
    gradient is exactly 0.

    Args:
        probabilities: (K, ...) in [0, 1].

    Returns:
        (K + 1, ...), the background first, summing to 1 over the channels.
    """
    background = (1 - probabilities).prod(dim=0, keepdim=True)
    chances = torch.cat([background, probabilities]).clamp(_FEWEST, 1 - _FEWEST)
    return (chances / (1 - chances)).log().softmax(dim=0)


@dataclass(frozen=True)
class Affinity:
    """Which memory positions each of Q query positions attends to, and how much.

    Attributes:
        index: (Q, k) int64, positions in memory.
        weights: (Q, k), positive, each row summing to 1; differentiable in both keys.
    """

    index: Tensor
    weights: Tensor


def affinity(keys: Tensor, query: Tensor, top_k: int) -> Affinity:
    """The `top_k` memory positions nearest to each query position, weighed by a softmax over them.

    The affinity of memory key m and query key q is (2 m.q - |m|^2) / sqrt(64), the negative squared distance without
    |q|^2, which cancels. The nearest are searched for without gradient and in chunks of queries; only the affinities of
    those kept are calculated again with one. So memory is bounded by 2^24 affinities (or N, if a single row has more)
    during the search, and by about 3 * 64 * Q * top_k numbers in the graph, however long the memory.

    Args:
        keys: (N, 64) of all memory positions.
        query: (Q, 64).
        top_k: how many are kept; all where N is smaller.
    """
    index = torch.cat(list(_nearest(keys.detach(), query.detach(), min(top_k, len(keys)))))
    kept = functional.embedding(index, keys)
    scores = (kept * (2 * query[:, None] - kept)).sum(dim=2) / query.shape[1] ** 0.5
    return Affinity(index, scores.softmax(dim=1))


def _nearest(keys: Tensor, query: Tensor, count: int) -> Iterator[Tensor]:
    """(q, count) int64 for every chunk of q queries: the memory positions of largest affinity."""
    for chunk in torch.split(query, max(1, _CHUNK // len(keys))):
        yield torch.addmm(keys.square().sum(dim=1), chunk, keys.T, beta=-1, alpha=2).topk(count, dim=1).indices


@dataclass(frozen=True)
class Memory:
    """The keys and values of the frames that are remembered.

    Attributes:
        keys: of each frame (1, 64, h, w).
        values: of each frame (K, 512, h, w), an object each.
        temporary: whether the last of them is dropped when another is added.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    temporary: bool = False

    def plus(self, key: Tensor, value: Tensor, *, temporary: bool) -> Memory:
        """This memory and one more frame, which takes the place of a temporary one."""
        end = -1 if self.temporary else None
        return Memory((*self.keys[:end], key), (*self.values[:end], value), temporary)

    def read_as_released(self, query: Tensor) -> Tensor:
        """The readout of ARA's authors' code while it attacks: the softmax is over the queries, not over the memory.

        Every memory position hands out its value once, shared by the query positions that are near it. Takes N x Q
        affinities at once.
        """
        keys, queries = _positions(self.keys), _positions((query,))
        scores = (2 * keys @ queries.T - keys.square().sum(dim=1, keepdim=True)) / queries.shape[1] ** 0.5
        values: Tensor = scores.softmax(dim=1).T @ _positions(self.values)
        return values.T.reshape(self.values[0].shape)

    def read(self, query: Tensor, top_k: int) -> Tensor:
        """The readout (K, 512, h, w) of every object for a frame's key `query` (1, 64, h, w).

        Values are summed as they are looked up, so nothing of the size queries x kept x channels is ever made; the
        memory itself is copied once per call.
        """
        nearest = affinity(_positions(self.keys), _positions((query,)), top_k)
        summed = functional.embedding_bag(
            nearest.index, _positions(self.values), per_sample_weights=nearest.weights, mode="sum"
        )
        return summed.T.reshape(self.values[0].shape)


def _positions(maps: tuple[Tensor, ...]) -> Tensor:
    """(N, B * C): every position of all `maps` (B, C, h, w), row by row."""
    return torch.cat([m.flatten(0, 1).flatten(1).T for m in maps])
