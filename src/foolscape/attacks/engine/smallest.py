"""The state of a search for the smallest change: the best iterate, and the best within a few bounds."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from foolscape.pixels import WHITE, round_to_levels
from foolscape.sending import numbers_on

LADDER: Final = (1, 2, 4, 8, 16, 32, 64)
"""Bounds in levels within which the best iterate is kept, so that one run also says what is left at each of them."""

PART: Final = 1024
"""Parts of a level that sizes are counted in."""

SMALLEST: Final = 1
"""The smallest change that an 8-bit image can have, in levels."""


@dataclass(frozen=True)
class SmallestSearch:
    """What the search has found so far, an item per image.

    Attributes:
        ladder: bounds in levels, rising.
        sizes: the smallest change in levels that reached the goal; infinite where none has yet.
        remaining: for each bound the active targets in the best iterate within it; `sys.maxsize` where there is none
            yet.
        images: (B, bounds, 3, H, W) uint8, these iterates.
    """

    ladder: tuple[int, ...]
    sizes: tuple[float, ...]
    remaining: tuple[tuple[int, ...], ...]
    images: Tensor

    def take(self, index: Sequence[int], at: Tensor) -> SmallestSearch:
        """The images at `index`, in that order; `at` has the same numbers on the images' device."""
        return SmallestSearch(
            self.ladder, tuple(self.sizes[i] for i in index), tuple(self.remaining[i] for i in index), self.images[at]
        )

    def ranked(
        self, remaining: Sequence[int], sizes: Sequence[float], allowed: Sequence[int]
    ) -> Iterator[tuple[bool, int]]:
        """For each iterate whether it reached the goal, and -1, 0 or 1 as it is better than the best, equal or worse.

        Of those that reached it the smaller is better; one that did is better than one that did not.
        """
        for n, size, most, best in zip(remaining, sizes, allowed, self.sizes, strict=True):
            reached = n <= most
            now = size if reached else math.inf
            yield reached, (now > best) - (now < best)

    def updated(
        self, images: Tensor, remaining: Sequence[int], sizes: Sequence[float], ranks: Sequence[tuple[bool, int]],
        taken: Sequence[int],
    ) -> SmallestSearch:  # fmt: skip
        """With the iterates `images` ((B, 3, H, W) in [0, 1]) that have been evaluated.

        The start is no result; of equals the latest is kept.
        """
        won = [
            (i, k)
            for i, (n, size) in enumerate(zip(remaining, sizes, strict=True))
            for k, bound in enumerate(self.ladder)
            if taken[i] > 0 and size <= bound and n <= self.remaining[i][k]
        ]
        smallest = tuple(
            size if reached and order < 0 else best
            for (reached, order), size, best in zip(ranks, sizes, self.sizes, strict=True)
        )
        if not won:
            return SmallestSearch(self.ladder, smallest, self.remaining, self.images)
        rows, columns = (numbers_on(images.device, part, torch.int64) for part in zip(*won, strict=True))
        kept = self.images.clone()
        kept[rows, columns] = round_to_levels(images.detach())[rows]
        places = set(won)
        fewest = tuple(
            tuple(remaining[i] if (i, k) in places else before for k, before in enumerate(row))
            for i, row in enumerate(self.remaining)
        )
        return SmallestSearch(self.ladder, smallest, fewest, kept)

    def below(self, i: int) -> Iterator[tuple[int, Tensor, int]]:
        """Bound, iterate (1, 3, H, W) in [0, 1] and its active targets, for image `i` and the bounds below its size.

        A bound within which nothing was seen, or nothing better than within the one before it, is left out.
        """
        before = sys.maxsize
        for k, bound in enumerate(self.ladder):
            if bound < self.sizes[i] and self.remaining[i][k] < before:
                before = self.remaining[i][k]
                yield bound, self.images[i : i + 1, k].float() / WHITE, before


def nothing_yet(ladder: tuple[int, ...], images: Tensor) -> SmallestSearch:
    """Before the first evaluation of `images` ((B, 3, H, W))."""
    count = len(images)
    empty = torch.zeros((count, len(ladder), *images.shape[1:]), dtype=torch.uint8, device=images.device)
    return SmallestSearch(ladder, (math.inf,) * count, ((sys.maxsize,) * len(ladder),) * count, empty)


def joined(parts: Sequence[SmallestSearch]) -> SmallestSearch:
    """The images of all `parts`, which share a ladder."""
    return SmallestSearch(
        parts[0].ladder,
        tuple(size for part in parts for size in part.sizes),
        tuple(row for part in parts for row in part.remaining),
        torch.cat([part.images for part in parts]),
    )


def sizes_of(images: Tensor, clean: Tensor) -> Tensor:
    """(B,) int64: the largest change of each image, in `PART`s of a level, free of the error of floats."""
    change: Tensor = (images - clean).detach().abs().flatten(1).amax(1)
    return (change.double() * WHITE * PART).round().long()
