"""Whether a difference between a slice and the rest is more than chance, with the image as the unit.

Two tests, both by lot and seeded. Images of a slice against the other images: a permutation test of the difference of
means over its own standard error. Studentised in this way it is exact where nothing sets the slice apart, and holds for
large numbers where the spread alone does (Janssen 1997; Chung and Romano 2013), which plain means do not. Objects of a
slice against the others of the same image: signs of the differences are flipped (Fisher 1935, section 21; Romano 1990).
Objects are never the unit, for those of one image share its fate. p-values count the observed draw (Phipson and Smyth
2010), and what is looked at together is corrected by Holm (1979), which needs no independence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Bools, Floats

DRAWS: Final = 9999
"""Shuffles of a test: p is at least 1 / 10,000."""
ALPHA: Final = 0.05
"""The chance that anything at all is marked where no slice differs."""
_AT_ONCE: Final = 2_000_000
"""Shuffled values that are held at a time."""


def permutation_p(values: Floats, slices: Bools, seed: int, draws: int = DRAWS) -> Floats:
    """(S,): two-sided p-values that the images of a slice have another mean than the other images.

    Args:
        values: (N,), one per image, finite.
        slices: (S, N), which images are in each slice; at least two are, and two are not.
        seed: of the shuffles.
        draws: how many.
    """
    generator = np.random.default_rng(seed)
    members = slices.astype(np.float64)
    observed = _welch(values[None], members)[0]
    reached = np.zeros(len(slices))
    for size in _batches(draws, len(values)):
        shuffled = generator.permuted(np.broadcast_to(values, (size, len(values))), axis=1)
        reached += _reaches(_welch(shuffled, members), observed)
    return np.asarray((1 + reached) / (1 + draws))


def sign_flip_p(differences: Floats, seed: int, draws: int = DRAWS) -> float:
    """The two-sided p-value that differences (N,), one per image, have another mean than 0; N >= 1.

    All flips are as likely as each other, so that their studentised mean reaches no further than the mean does.
    """
    generator = np.random.default_rng(seed)
    observed, reached = np.abs(differences.sum())[None], 0.0
    for size in _batches(draws, len(differences)):
        signs = generator.integers(0, 2, (size, len(differences))) * 2.0 - 1.0
        reached += float(_reaches((signs @ differences)[:, None], observed)[0])
    return float((1 + reached) / (1 + draws))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values adjusted for all that were looked at (Holm 1979); each at most 1."""
    adjusted, largest = [0.0] * len(p), 0.0
    for place, index in enumerate(sorted(range(len(p)), key=lambda index: p[index])):
        largest = max(largest, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = largest
    return adjusted


def _welch(values: Floats, members: Floats) -> Floats:
    """(R, S): the difference of the means of values (R, N) in and outside of slices (S, N), over its standard error."""
    centred = values - values.mean(axis=1, keepdims=True)
    squared = centred**2
    inside, total = members.sum(axis=1), float(values.shape[1])
    mean, spread = [], []
    sums, squares = centred @ members.T, squared @ members.T
    whole = squared.sum(axis=1, keepdims=True)
    for count, added, squares_of in ((inside, sums, squares), (total - inside, -sums, whole - squares)):
        mean.append(added / count)
        variance = (squares_of - added**2 / count) / (count - 1)
        spread.append(np.maximum(variance, 0.0) / count)
    difference, error = mean[0] - mean[1], np.sqrt(spread[0] + spread[1])
    # Rounding leaves a little of a spread that is none: a difference of equal values is not infinitely sure.
    least = 1e-9 * np.sqrt(whole / total) + 1e-300
    return np.asarray(difference / np.maximum(error, least))


def _reaches(drawn: Floats, observed: Floats) -> Floats:
    """(S,): how many of the draws (R, S) are as far from 0 as what was observed, but for rounding."""
    return np.asarray((np.abs(drawn) >= np.abs(observed) * (1 - 1e-9)).sum(axis=0), np.float64)


def _batches(draws: int, length: int) -> Iterable[int]:
    """Numbers of draws that fit into memory, `draws` in sum."""
    size = max(1, _AT_ONCE // max(length, 1))
    return [min(size, draws - begun) for begun in range(0, draws, size)]
