"""Where the rows of samples stand, in arrays: a run may have a million of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from foolscape.records.run import AnyRecord

Span = tuple[int, int, int]
"""Where lines are: in which part, from which row on, how many; in the tail (`TAIL`) from which byte on, how many."""

TAIL: Final = 1 << 40
"""In the place of a part's number, and behind all of them: rows.jsonl."""

T = TypeVar("T")

_NONE: Final = -1


class SpanIndex(MutableMapping[str, tuple[Span, ...]]):
    """The places of the rows of each sample of one model, by its id, in the order of the run.

    Args:
        record: run.json. Ids that it does not name, and samples in several places, are held apart.
    """

    def __init__(self, record: AnyRecord) -> None:
        self._record = record
        self._spans = np.full((len(record.samples), 3), _NONE, np.int64)
        self._apart: dict[str, tuple[Span, ...]] = {}
        self._number = 0

    def __getitem__(self, name: str) -> tuple[Span, ...]:
        if name in self._apart:
            return self._apart[name]
        file, begin, count = self._spans[self._record.order[name]].tolist()
        if file == _NONE:
            raise KeyError(name)
        return ((file, begin, count),)

    def __setitem__(self, name: str, spans: tuple[Span, ...]) -> None:
        self.pop(name, None)
        self._number += 1
        place = self._record.order.get(name)
        if place is None or len(spans) != 1:
            self._apart[name] = spans
        else:
            self._spans[place] = spans[0]

    def __delitem__(self, name: str) -> None:
        if self._apart.pop(name, None) is None:
            place = self._record.order[name]
            if self._spans[place, 0] == _NONE:
                raise KeyError(name)
            self._spans[place] = _NONE
        self._number -= 1

    def __contains__(self, name: object) -> bool:
        if name in self._apart:
            return True
        place = self._record.order.get(name) if isinstance(name, str) else None
        return place is not None and self._spans[place, 0] != _NONE

    def begins(self) -> NDArray[np.int64]:
        """(3, K): of the K samples, as they are iterated over, the file, where in it rows begin, and its number."""
        plain = self._spans[self._spans[:, 0] != _NONE, :2]
        apart = np.array([spans[0][:2] for spans in self._apart.values()], np.int64).reshape(-1, 2)
        first = np.concatenate([plain, apart])
        return np.concatenate([first.T, np.arange(len(first))[None]])

    def apart(self) -> bool:
        """Whether the rows of a sample stand in several places."""
        return any(len(spans) > 1 for spans in self._apart.values())

    def __iter__(self) -> Iterator[str]:
        for place in np.flatnonzero(self._spans[:, 0] != _NONE):
            yield self._record.samples[place].id
        yield from self._apart

    def __len__(self) -> int:
        return self._number


def in_file_order(models: Mapping[str | None, SpanIndex]) -> Iterator[tuple[str | None, str]]:
    """Model and id of every sample in the order in which the first of their rows stand in the files."""
    if not models:
        return
    names = {model: [*own] for model, own in models.items()}
    specs = list(models)
    begins = [own.begins() for own in models.values()]
    owner = np.repeat(np.arange(len(specs)), [one.shape[1] for one in begins])
    file, begin, place = np.concatenate(begins, axis=1)
    for one in np.lexsort((begin, file)):
        model = specs[owner[one]]
        yield model, names[model][place[one]]


class Noted(MutableMapping[tuple[str | None, str], T], Generic[T]):
    """One of few different notes on samples, by model and id.

    Args:
        record: run.json.
    """

    def __init__(self, record: AnyRecord) -> None:
        self._record = record
        self._notes: list[T] = []
        self._numbers: dict[T, int] = {}
        self._of: dict[str | None, NDArray[np.int32]] = {}
        self._apart: dict[tuple[str | None, str], T] = {}

    def __getitem__(self, key: tuple[str | None, str]) -> T:
        model, name = key
        place = self._record.order.get(name)
        if place is None:
            return self._apart[key]
        number = _NONE if model not in self._of else int(self._of[model][place])
        if number == _NONE:
            raise KeyError(key)
        return self._notes[number]

    def __setitem__(self, key: tuple[str | None, str], note: T) -> None:
        model, name = key
        place = self._record.order.get(name)
        if place is None:
            self._apart[key] = note
            return
        if note not in self._numbers:
            self._numbers[note] = len(self._notes)
            self._notes.append(note)
        if model not in self._of:
            self._of[model] = np.full(len(self._record.samples), _NONE, np.int32)
        self._of[model][place] = self._numbers[note]

    def __delitem__(self, key: tuple[str | None, str]) -> None:
        self[key]
        model, name = key
        if key in self._apart:
            del self._apart[key]
        else:
            self._of[model][self._record.order[name]] = _NONE

    def __iter__(self) -> Iterator[tuple[str | None, str]]:
        for model, numbers in self._of.items():
            for place in np.flatnonzero(numbers != _NONE):
                yield model, self._record.samples[place].id
        yield from self._apart

    def __len__(self) -> int:
        return len(self._apart) + sum(int((numbers != _NONE).sum()) for numbers in self._of.values())
