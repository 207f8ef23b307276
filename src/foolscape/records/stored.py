"""The rows of a directory a sample at a time: where they stand in its files is held, and what they say is read anew.

A run has as many rows as it likes; what goes through them in the order of run.json, whatever their order in the file,
comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Protocol

from foolscape.disk import open_file
from foolscape.errors import RunError
from foolscape.records.index import TAIL, Span, SpanIndex, in_file_order
from foolscape.records.parts import Entry, PartReader
from foolscape.records.places import ROWS
from foolscape.records.row import Failure, Line, Row
from foolscape.records.rows import Forms, Key, forms_of, line_in, outline_in, with_truths
from foolscape.records.run import AnyRecord


class Rows(Protocol):
    """The rows of a run."""

    def __iter__(self) -> Iterator[Line]: ...

    def samples(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model (None: of those given up whatever the model), in the run's order."""
        ...

    def ids(self, model: str | None) -> Iterable[str]:
        """The samples that are settled with a model, or given up whatever the model."""
        ...

    def failures(self) -> list[Failure]:
        """Why samples could not be used, in the run's order."""
        ...

    def numbers(self, model: str) -> Mapping[str, int]:
        """How many rows a model has by condition; nothing where there are none."""
        ...


@dataclass
class StoredRows:
    """The rows of a directory.

    Attributes:
        directory: of the run.
        record: run.json.
        spans: by model and id the places in the files.
        failed: samples of which there is no more than a reason.
    """

    directory: Path
    record: AnyRecord
    spans: dict[str | None, SpanIndex] = field(default_factory=dict)
    failed: set[Key] = field(default_factory=set)
    _held: tuple[Line, ...] | None = field(default=None, init=False, repr=False)

    def held(self) -> tuple[Line, ...]:
        """All rows in the order of the files, kept until others come: for who goes through them many times."""
        if self._held is None:
            self._held = tuple(self)
        return self._held

    def add(self, lines: Sequence[Line], span: Span) -> None:
        """Rows of one sample and model that stand together in the file."""
        self._held = None
        first = lines[0]
        own = self.of(first.model)
        own[first.id] = (*own.get(first.id, ()), span)
        if any(isinstance(line, Failure) for line in lines):
            self.failed.add((first.model, first.id))

    def of(self, model: str | None) -> SpanIndex:
        """The places of a model's samples, to be added to."""
        if model not in self.spans:
            self.spans[model] = SpanIndex(self.record)
        return self.spans[model]

    def _own(self, model: str | None) -> Mapping[str, tuple[Span, ...]]:
        return self.spans.get(model, {})

    def __len__(self) -> int:
        return sum(map(len, self.spans.values()))

    def __iter__(self) -> Iterator[Line]:
        """All rows in the order of the files: parts, then the tail."""
        places = ((self.spans[model][name], model, name) for model, name in in_file_order(self.spans))
        for lines in self._read(places):
            yield from lines

    def outlines(self) -> Iterator[Line]:
        """All rows in the order of the files, as `outline_in` reads them: without what was measured, and truths."""
        with row_files(self.directory) as files:
            for model, name in in_file_order(self.spans):
                try:
                    texts = [text for span in self.spans[model][name] for text in files.texts(span)]
                    yield from (outline_in(text) for text in texts)
                except (OSError, ValueError) as error:
                    raise broken(files.directory, f"{name} on {model}: {error}") from error

    def ids(self, model: str | None) -> Iterable[str]:
        """The samples that are settled with a model."""
        return self._own(model).keys()

    def keys(self) -> Iterator[Key]:
        """Model and id of every sample, as they came."""
        return ((model, name) for model, own in self.spans.items() for name in own)

    def names(self) -> Iterator[str]:
        """The id of every sample, once for each model."""
        return (name for own in self.spans.values() for name in own)

    def samples(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model, in the run's order."""
        order, own = self.record.order, self._own(model)
        names = sorted(own, key=lambda name: order.get(name, len(order)))
        yield from self._read((own[name], model, name) for name in names)

    def newest(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model, those that were written last first."""
        own = self._own(model)
        yield from self._read(
            (own[name], model, name) for name in sorted(own, key=lambda name: own[name], reverse=True)
        )

    def __contains__(self, key: object) -> bool:
        """Whether there are rows of a sample, by model and id."""
        return isinstance(key, tuple) and len(key) == 2 and key[1] in self._own(key[0])

    def sample(self, key: Key) -> Sequence[Line]:
        """All rows of a sample that is there."""
        model, name = key
        return next(self._read([(self.spans[model][name], model, name)]))

    def failures(self) -> list[Failure]:
        """Why samples could not be used, in the run's order."""
        order = self.record.order
        keys = sorted(self.failed, key=lambda key: (order.get(key[1], len(order)), self.spans[key[0]][key[1]]))
        found = self._read((self.spans[model][name], model, name) for model, name in keys)
        return [line for lines in found for line in lines if isinstance(line, Failure)]

    def failures_in_files(self) -> list[Failure]:
        """Why samples could not be used, in the order of the files."""
        keys = sorted(self.failed, key=lambda key: self.spans[key[0]][key[1]][0])
        found = self._read((self.spans[model][name], model, name) for model, name in keys)
        return [line for lines in found for line in lines if isinstance(line, Failure)]

    def numbers(self, model: str) -> Mapping[str, int]:
        """How many rows a model has by condition, of samples that are complete."""
        own = self._own(model)
        number = sum((model, name) not in self.failed for name in own)
        first = next(
            self._read((spans, model, name) for name, spans in own.items() if (model, name) not in self.failed), []
        )
        return {line.condition: number for line in first}

    def _read(self, places: Iterable[tuple[tuple[Span, ...], str | None, str]]) -> Iterator[Sequence[Line]]:
        """The rows in each place, with their truths; RunError where they are not what they were."""
        forms = forms_of(self.record)
        if not self.spans:
            return
        with row_files(self.directory) as files:
            for spans, model, name in places:
                yield _at(files, forms, spans, (model, name))


@dataclass
class RowFiles:
    """The files of rows, open to be read.

    Attributes:
        directory: of the run.
        tail: rows.jsonl; None where there is none.
        parts: what is sealed.
    """

    directory: Path
    tail: IO[bytes] | None
    parts: PartReader

    def texts(self, span: Span) -> list[bytes]:
        """The lines in a place, without line breaks; raises `OSError` or `ValueError` where they are not there."""
        file, begin, count = span
        if file != TAIL:
            return self.parts.lines(file, begin, count)
        if self.tail is None:
            raise ValueError(f"no {ROWS}")
        self.tail.seek(begin)
        return [text for text in self.tail.read(count).split(b"\n") if text]

    def entries(self, spans: Iterable[Span]) -> list[Entry]:
        """Each line with its line break, and what it says without what was measured; raises as `texts`."""
        return [(text + b"\n", outline_in(text)) for span in spans for text in self.texts(span)]

    def lines(self, spans: Iterable[Span], forms: Forms) -> list[Line]:
        """What the lines say, without their truths; raises as `texts`."""
        return [line_in(text, forms) for span in spans for text in self.texts(span)]


@contextmanager
def row_files(directory: Path) -> Iterator[RowFiles]:
    """The files of rows in a directory."""
    try:
        tail = open_file(directory / ROWS)
    except FileNotFoundError:
        tail = None
    files = RowFiles(directory, tail, PartReader(directory))
    try:
        yield files
    finally:
        files.parts.close()
        if tail is not None:
            tail.close()


def _at(files: RowFiles, forms: Forms, spans: Sequence[Span], key: Key) -> Sequence[Line]:
    try:
        found, faults = with_truths(files.directory, files.lines(spans, forms), forms)
    except (OSError, ValueError) as error:
        raise broken(files.directory, f"{key[1]} on {key[0]}: {error}") from error
    for fault in faults.values():
        raise broken(files.directory, f"{key[1]} on {key[0]}: {fault}")
    return found


def broken(directory: Path, fault: str) -> RunError:
    """That rows are not whole."""
    return RunError(
        f"{directory}: expected whole rows, got {fault}. The command that made the run measures its image again"
    )


@dataclass(frozen=True)
class ListedRows:
    """Rows that are held, as of one batch."""

    lines: Sequence[Line]
    order: Mapping[str, int]

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def ids(self, model: str | None) -> Iterable[str]:
        """The samples that are settled with a model."""
        return dict.fromkeys(line.id for line in self.lines if line.model == model)

    def samples(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model, in the run's order."""
        own = sorted((line for line in self.lines if line.model == model), key=self._place)
        for _, lines in groupby(own, key=lambda line: line.id):
            yield list(lines)

    def failures(self) -> list[Failure]:
        """Why samples could not be used, in the run's order."""
        return sorted((line for line in self.lines if isinstance(line, Failure)), key=self._place)

    def numbers(self, model: str) -> Mapping[str, int]:
        """How many rows a model has by condition."""
        return Counter(line.condition for line in self.lines if line.model == model and isinstance(line, Row))

    def _place(self, line: Line) -> int:
        return self.order[line.id]


def as_rows(lines: Rows | Sequence[Line], record: AnyRecord) -> Rows:
    """Rows that are held, or stored ones as they are."""
    return ListedRows(lines, record.order) if isinstance(lines, Sequence) else lines
