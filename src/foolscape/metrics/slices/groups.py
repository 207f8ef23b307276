"""From attributes of images or objects to slices: values that are words stand for themselves, numbers are divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Bools, Floats

MOST_VALUES: Final = 20
"""An attribute with more values than this is divided by size if they are numbers, and else no attribute of slices."""
LEAST: Final = 8
"""Images of a slice, and beside it, from which on it is compared."""
_AS_WORDS: Final = 6
"""Numbers of so few different values are taken as they are."""

COCO_AREAS: Final = (32.0**2, 96.0**2)
"""COCO's bounds of small, medium and large, in square pixels."""
SIZES: Final = ("small", "medium", "large")
SIZE_NAMES: Final = ("small, below 32² px", "medium, 32² to 96² px", "large, from 96² px")
COLUMNS: Final = ("left third", "middle third", "right third")
LINES: Final = ("upper third", "middle third", "lower third")


@dataclass(frozen=True)
class Group:
    """Images of which an attribute has one value, or a value within bounds.

    Attributes:
        attribute, value: in words.
        members: (N,), which images are in it.
        known: (N,), of which images the attribute is known.
    """

    attribute: str
    value: str
    members: Bools
    known: Bools


def groups_of(attributes: Mapping[str, Sequence[str]]) -> tuple[list[Group], list[str]]:
    """The slices of N images by their attributes, and what was left out of them, in sentences.

    Numbers with many values are divided as `by_number` does; an attribute that has one value alone makes no slice.

    Args:
        attributes: by name N values, empty where one is not known.
    """
    groups: list[Group] = []
    notes: list[str] = []
    for name, values in attributes.items():
        different = dict.fromkeys(value for value in values if value)
        numbers = numbers_of(values)
        if numbers is not None and len(different) > _AS_WORDS:
            groups += by_number(name, numbers)
        elif len(different) > MOST_VALUES:
            notes.append(f"{name}: {len(different)} different values, of which no slices are made")
        elif len(different) > 1:
            known = np.array([bool(value) for value in values])
            # In the order of the alphabet, so that it does not matter which image comes first.
            groups += [
                Group(name, value, np.array([one == value for one in values]), known) for value in sorted(different)
            ]
    return groups, notes


def numbers_of(values: Sequence[str]) -> Floats | None:
    """(N,) what the texts say, NaN for an empty one; None where one is no finite number."""
    try:
        numbers = np.array([float(value) if value else np.nan for value in values])
    except ValueError:
        return None
    return (
        None if np.isinf(numbers).any() or (np.isnan(numbers) & np.array([bool(v) for v in values])).any() else numbers
    )


def by_number(attribute: str, numbers: Floats, unit: str = "") -> list[Group]:
    """Thirds of the images by a number (N,), NaN where it is not known; halves, or none, where these are too few.

    The bounds are those of this run's images, and the words of each group say them. Equal numbers stay together, so
    that groups may differ in size.
    """
    known = np.isfinite(numbers)
    parts = 3 if known.sum() >= 3 * LEAST else 2
    if known.sum() < parts * LEAST:
        return []
    bounds = np.unique(np.quantile(numbers[known], np.arange(1, parts) / parts, method="higher"))
    bounds = bounds[bounds > numbers[known].min()]
    if not len(bounds):
        return []
    which = np.searchsorted(bounds, np.where(known, numbers, 0.0), side="right")
    texts = [f"{bound:.4g}" for bound in bounds]
    ends = [f"below {texts[0]}", *(f"{a} to below {b}" for a, b in pairwise(texts)), f"from {texts[-1]}"]
    return [
        Group(attribute, f"{text} {unit}".rstrip(), known & (which == place), known)
        for place, text in enumerate(ends)
    ]  # fmt: skip


def size_class(areas: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(K,) 0, 1, 2 for small, medium and large by COCO's bounds."""
    return np.searchsorted(np.array(COCO_AREAS), areas, side="right").astype(np.int64)


def third(shares: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(K,) 0, 1, 2 for places in [0, 1]."""
    return np.clip((np.nan_to_num(shares) * 3).astype(np.int64), 0, 2)
