"""Whether a size that a user gives has height and width exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from foolscape.data.part import Part
from foolscape.data.sample import Data
from foolscape.errors import SampleError

S = TypeVar("S")

_LOOKED_AT = 4
"""Samples that are checked; the check ends with the first that is not against the size."""


def exchanged(size: tuple[int, int], sizes: Sequence[tuple[int, int]]) -> str | None:
    """What to say where `size` = (H, W) stands upright and all `sizes` of images lie, or the other way round.

    None where one of them is square or as the size is, and where there are none.
    """
    turns = [_turn(one) * _turn(size) for one in sizes]
    if not turns or any(turn >= 0 for turn in turns):
        return None
    (height, width), first = size, "x".join(map(str, sizes[0]))
    shape, theirs = (
        ("higher than wide", "wider than high") if height > width else ("wider than high", "higher than wide")
    )
    which = "the image looked at is" if len(sizes) == 1 else f"the {len(sizes)} images looked at are"
    return (
        f"the size {height}x{width} is {shape}, but {which} {theirs} ({first}); height comes first: "
        f"is it {width}x{height}?"
    )


def said_of_size(
    data: Data[S], ids: Sequence[str], size: tuple[int, int] | None, size_of: Callable[[S], tuple[int, ...]]
) -> Data[S]:
    """`data`, with a note where `size` has height and width exchanged against the first of its `ids`.

    Args:
        data: the data set.
        ids: of the samples that are measured.
        size: (H, W) to resize to, or None.
        size_of: height and width of a sample, before anything else.
    """
    if size is None or size[0] == size[1]:
        return data
    sizes: list[tuple[int, int]] = []
    for name in ids[:_LOOKED_AT]:
        with suppress(SampleError):
            height, width = size_of(data.load(name))[:2]
            sizes.append((height, width))
        if sizes and exchanged(size, sizes[-1:]) is None:
            return data
    remark = exchanged(size, sizes)
    return data if remark is None else Part(data, data.split, tuple(data.ids), (remark,))


def _turn(size: tuple[int, int]) -> int:
    """1 for an image that stands upright, -1 for one that lies, 0 for a square."""
    return (size[0] > size[1]) - (size[0] < size[1])
