"""What scores are made of: predictions for images, each measured against the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True)
class Sample(Generic[T, M]):
    """One prediction for one image, measured.

    Attributes:
        id: of the image.
        truth: what it was measured against, in the model's classes; None where what was measured says enough.
        measured: of the prediction.
    """

    id: str
    truth: T
    measured: M


Samples = Sequence[Sample[Any, Any]]
"""Of a task; which one's is for a `Measure` to know."""


def _as_it_is(truth: T, channels: Sequence[int]) -> T:
    del channels
    return truth


def _nothing(clean: object) -> None:
    del clean


@dataclass(frozen=True)
class Form(Generic[T, M]):
    """Of what types a task's samples are, which say how they stand in files.

    Attributes:
        measured: the type of what is measured of a prediction.
        truth: the type of what it is measured against; None where what is measured says enough.
        in_classes: (truth in the data set's classes, for each of these the model's) -> it in the model's classes.
        standing_in: what was measured of the clean image -> the truth, where the data have no labels.
    """

    measured: type[M]
    truth: Any = None
    in_classes: Callable[[T, Sequence[int]], T] = _as_it_is
    standing_in: Callable[[M], T | None] = _nothing
