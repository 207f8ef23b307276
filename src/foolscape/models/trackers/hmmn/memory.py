"""How HMMN reads its memory: kernels that follow positions from frame to frame, and the best matches looked at finer.

Seong, Oh, Lee, Lee, Lee, Kim: Hierarchical Memory Matching Network for Video Object Segmentation, ICCV 2021, sections
3.2 (kernel guided memory matching) and 3.3 (top-k guided memory matching); constants are those of Hongje/HMMN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SIGMA: Final = 3.0
"""Standard deviation of the kernel of the frame before, in cells at 1/16."""

GROWTH: Final = 0.5
"""How much wider the kernel is, in its own width, for every remembered frame that lies between."""

REACH: Final = 3
"""Cells at 1/16 that a position may move from one frame to the next, in each direction."""

BEST: Final = 32
"""Positions at 1/16 that are looked at again at 1/8, for each position of the frame; a quarter of them at 1/4."""


class Maps(NamedTuple):
    """Keys (K, D, h, w) and values (K, V, h, w) of one frame at one resolution, of an object each."""

    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class Coarse:
    """What is read at 1/16.

    Attributes:
        readout: (K, V, h, w).
        weights: (K, T * h * w, h * w), of every position of T remembered frames; those of a column sum to 1.
        places: of each remembered frame (K, h * w) int64, the position of the current frame that its positions have
            moved to.
    """

    readout: Tensor
    weights: Tensor
    places: tuple[Tensor, ...]

    @property
    def best(self) -> Tensor:
        """(K, h * w, n) int64: the positions of largest weight in the first and the last frame, the best first.

        n is `BEST`, or as many as there are; the last frame's numbers stand behind the first one's.
        """
        count, _, positions = self.weights.shape
        frames = self.weights.view(count, -1, positions, positions)
        both = torch.cat([frames[:, :1], frames[:, -1:]], dim=1) if frames.shape[1] > 1 else frames
        scores = both.flatten(1, 2).transpose(1, 2).detach()
        return scores.topk(min(BEST, scores.shape[2]), dim=2).indices


def read_coarse(memory: Sequence[Maps], places: Sequence[Tensor], query: Tensor) -> Coarse:
    """Read `memory` at 1/16 with the keys `query` (1, D, h, w), positions weighed by a kernel around where they moved.

    The kernel's middle for a position of the last frame is its best match within `REACH`. For positions of the others
    the released code looks the place that they have moved to up once more among the last frame's; so does this.
    Products of keys and kernel are added as logarithms, where the released code multiplies: the same, but for
    kernels that are 0 in float32 wherever the keys agree, which make NaN of it there.

    Args:
        memory: the frames, the last of them the one before the current one.
        places: of all `memory` but the last, where its positions were in the last one; see `Coarse.places`.
        query: the current frame's keys.
    """
    height, width = query.shape[2:]
    keys = torch.cat([one.keys.flatten(2) for one in memory], dim=2)
    values = torch.cat([one.values.flatten(2) for one in memory], dim=2)
    scores = keys.transpose(1, 2) @ query.flatten(2) / keys.shape[1] ** 0.5
    squared = _squared_distances(height, width, query)
    moved = _moved(scores[:, -height * width :].detach(), height, width)
    now = [moved.gather(1, place) for place in places]
    middles = [*(moved.gather(1, place) for place in now), moved]
    kernels = [
        -squared[middle] / (2 * (SIGMA * (1 + GROWTH * back)) ** 2)
        for back, middle in zip(reversed(range(len(memory))), middles, strict=True)
    ]
    weights = (scores + torch.cat(kernels, dim=1)).softmax(dim=1)
    readout = (values @ weights).view(*values.shape[:2], height, width)
    return Coarse(readout, weights, (*now, moved))


def read_fine(memory: Sequence[Maps], query: Tensor, chosen: Tensor, coarse: tuple[int, int]) -> Tensor:
    """(K, V, H, W): what the keys `query` (1, D, H, W) read, of the positions behind `chosen` ones at 1/16 alone.

    Args:
        memory: the first and the last frame, or the last alone, as in `Coarse.best`.
        query: the current frame's keys.
        chosen: (K, h * w, n), see `Coarse.best`.
        coarse: h and w.
    """
    side = query.shape[2] // coarse[0]
    keys, values = (torch.cat([_cells(maps, side) for maps in parts], dim=1) for parts in zip(*memory, strict=True))
    found, read = _looked_up(keys, chosen), _looked_up(values, chosen)
    scores = _cells(query, side) @ found.transpose(2, 3) / query.shape[1] ** 0.5
    summed = scores.softmax(dim=3) @ read
    channels = summed.permute(0, 3, 2, 1).reshape(len(summed), -1, *coarse)
    return functional.pixel_shuffle(channels, side)


def _squared_distances(height: int, width: int, like: Tensor) -> Tensor:
    """(h * w, h * w) of all cells of a map, in cells, in the dtype of `like`."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    at = torch.stack([y.flatten(), x.flatten()], dim=1)
    return (at[:, None] - at).square().sum(dim=2).to(like)


def _moved(scores: Tensor, height: int, width: int) -> Tensor:
    """(K, h * w): the best match within `REACH` of every position, by `scores` (K, h * w, h * w)."""
    y, x = (torch.arange(side, device=scores.device) for side in (height, width))
    near_y, near_x = ((at[:, None] - at).abs() <= REACH for at in (y, x))
    near = (near_y[:, None, :, None] & near_x[None, :, None, :]).reshape(height * width, height * width)
    # `topk`, since checks hold what is picked by it while they compare two precisions
    return scores.masked_fill(~near, -torch.inf).topk(1, dim=2).indices[..., 0]


def _cells(maps: Tensor, side: int) -> Tensor:
    """(K, h * w, side * side, D): `maps` (K, D, h * side, w * side) by the coarse cells that they lie in."""
    parts = functional.pixel_unshuffle(maps, side)
    return parts.view(len(maps), maps.shape[1], side * side, -1).permute(0, 3, 2, 1)


def _looked_up(cells: Tensor, chosen: Tensor) -> Tensor:
    """(K, Q, n * s, D): the `chosen` (K, Q, n) among `cells` (K, N, s, D)."""
    count, rows, inside, channels = cells.shape
    table = cells.reshape(count * rows, inside * channels)
    begins = torch.arange(count, device=chosen.device)[:, None, None] * rows
    return functional.embedding(chosen + begins, table).view(count, chosen.shape[1], -1, channels)
