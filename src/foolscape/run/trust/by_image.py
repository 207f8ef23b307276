"""A number for each image of a run, or for some, in arrays: a run may have a million images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from foolscape.metrics.boxes import Bools, Floats


class ByImage(Mapping[str, float]):
    """Numbers by the ids of images, in the order of the run.

    Args:
        order: the places of all images of the run by their ids, rising.

    Attributes:
        there: (N,) which of its N images have one.
        numbers: (N,) which.
    """

    def __init__(self, order: Mapping[str, int]) -> None:
        self._order = order
        self.there: Bools = np.zeros(len(order), np.bool_)
        self.numbers: Floats = np.zeros(len(order))

    def put(self, name: str, value: float) -> None:
        """The number of an image."""
        place = self._order[name]
        self.numbers[place], self.there[place] = value, True

    def __getitem__(self, name: str) -> float:
        place = self._order[name]
        if not self.there[place]:
            raise KeyError(name)
        return float(self.numbers[place])

    def __iter__(self) -> Iterator[str]:
        return (name for name, place in self._order.items() if self.there[place])

    def __len__(self) -> int:
        return int(self.there.sum())


def pairs(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[Floats, Floats]:
    """(K,) the numbers of `a` and of `b` for the K images of both, in the order of `a`."""
    if isinstance(a, ByImage) and isinstance(b, ByImage) and len(a.there) == len(b.there):
        both = a.there & b.there
        return a.numbers[both], b.numbers[both]
    shared = [name for name in a if name in b]
    return np.array([a[name] for name in shared]), np.array([b[name] for name in shared])
