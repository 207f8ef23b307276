"""A data set as one record: how its specs are written, and how it is opened for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from foolscape.data.sample import Data
from foolscape.spec import Spec

Opener: TypeAlias = Callable[[Spec, str | None, tuple[str, ...] | None], Data[Any]]
"""(spec, split, the model's class names or None) -> the data; nothing is decoded yet."""


@dataclass(frozen=True)
class DataSet:
    """A kind of data set; the constant `RECORD` of its module in `data.sets`, or the object of an entry point.

    Attributes:
        name: the scheme of its specs.
        form: how its spec is written.
        description: one line.
        splits: what `split` may be, the default first; empty where there are none.
        openers: by the name of the task; for those that it can be opened for.
    """

    name: str
    form: str
    description: str
    splits: tuple[str, ...]
    openers: Mapping[str, Opener]

    @property
    def tasks(self) -> tuple[str, ...]:
        """What it can be opened for."""
        return tuple(self.openers)


def fixed(opener: Callable[[Spec, str | None], Data[Any]]) -> Opener:
    """For data sets whose labels do not depend on the model."""
    return lambda spec, split, _classes: opener(spec, split)
