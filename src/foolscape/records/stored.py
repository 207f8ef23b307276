"""The rows of a directory a sample at a time: where they stand in the file is held, and what they say is read anew.

A run has as many rows as it likes; what goes through them in the order of run.json, whatever their order in the file,
comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Protocol

from foolscape.disk import open_file, write_pieces
from foolscape.errors import RunError
from foolscape.records.conditions import FAILED
from foolscape.records.places import ROWS
from foolscape.records.row import Failure, Line, Row
from foolscape.records.rows import Forms, Key, forms_of, line_in, with_truths
from foolscape.records.run import AnyRecord

Span = tuple[int, int]
"""Where lines begin in the file, and how many bytes they take."""


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
        spans: by model and id the places in the file.
        failed: samples of which there is no more than a reason.
    """

    directory: Path
    record: AnyRecord
    spans: dict[str | None, dict[str, tuple[Span, ...]]] = field(default_factory=dict)
    failed: set[Key] = field(default_factory=set)

    def add(self, lines: Sequence[Line], span: Span) -> None:
        """Rows of one sample and model that stand together in the file."""
        first = lines[0]
        own = self.spans.setdefault(first.model, {})
        name = self._names.get(first.id, first.id)
        own[name] = (*own.get(name, ()), span)
        if any(isinstance(line, Failure) for line in lines):
            self.failed.add((first.model, name))

    def __post_init__(self) -> None:
        # One text for each id, not one more for each row.
        self._names: Mapping[str, str] = {sample.id: sample.id for sample in self.record.samples}

    def __len__(self) -> int:
        return sum(map(len, self.spans.values()))

    def __iter__(self) -> Iterator[Line]:
        """All rows in the order of the file."""
        places = [(spans, model, name) for model, own in self.spans.items() for name, spans in own.items()]
        places.sort(key=lambda one: one[0])
        for lines in self._read(places):
            yield from lines

    def ids(self, model: str | None) -> Iterable[str]:
        """The samples that are settled with a model."""
        return self.spans.get(model, {}).keys()

    def keys(self) -> Iterator[Key]:
        """Model and id of every sample, as they came."""
        return ((model, name) for model, own in self.spans.items() for name in own)

    def names(self) -> Iterator[str]:
        """The id of every sample, once for each model."""
        return (name for own in self.spans.values() for name in own)

    def samples(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model, in the run's order."""
        order, own = self.record.order, self.spans.get(model, {})
        names = sorted(own, key=lambda name: order.get(name, len(order)))
        yield from self._read((own[name], model, name) for name in names)

    def newest(self, model: str | None) -> Iterator[Sequence[Line]]:
        """All rows of each sample of a model, those that were written last first."""
        own = self.spans.get(model, {})
        yield from self._read(
            (own[name], model, name) for name in sorted(own, key=lambda name: own[name], reverse=True)
        )

    def failures(self) -> list[Failure]:
        """Why samples could not be used, in the run's order."""
        order = self.record.order
        keys = sorted(self.failed, key=lambda key: (order.get(key[1], len(order)), self.spans[key[0]][key[1]]))
        found = self._read((self.spans[model][name], model, name) for model, name in keys)
        return [line for lines in found for line in lines if isinstance(line, Failure)]

    def numbers(self, model: str) -> Mapping[str, int]:
        """How many rows a model has by condition, of samples that are complete."""
        own = self.spans.get(model, {})
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
        with open_file(self.directory / ROWS) as file:
            for spans, model, name in places:
                yield _at(file, self.directory, forms, spans, (model, name))


def _at(file: IO[bytes], directory: Path, forms: Forms, spans: Sequence[Span], key: Key) -> Sequence[Line]:
    lines = _lines_at(file, forms, spans)
    found, faults = with_truths(directory, lines, forms)
    for fault in faults.values():
        raise broken(directory, f"{key[1]} on {key[0]}: {fault}")
    return found


def _lines_at(file: IO[bytes], forms: Forms, spans: Sequence[Span]) -> list[Line]:
    lines = []
    for begin, length in spans:
        file.seek(begin)
        lines += [line_in(text, forms) for text in file.read(length).split(b"\n") if text]
    return lines


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


@dataclass
class Scan:
    """What a look at the whole file finds.

    Attributes:
        rows: every sample of which there is a line.
        conditions: of the lines of each sample.
        damaged: what is wrong with lines that are none.
        lines: how many there are.
    """

    rows: StoredRows
    conditions: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    lines: int = 0

    def complete(self, wanted: Iterable[str]) -> None:
        """Forget the samples without one row for each of the conditions `wanted`, or one that says why not."""
        whole = {(FAILED,), tuple(sorted(wanted))}
        self.forget([key for key, found in self.conditions.items() if tuple(sorted(found)) not in whole])

    def forget(self, keys: Iterable[Key]) -> None:
        """Leave samples out."""
        for model, name in keys:
            self.rows.spans.get(model, {}).pop(name, None)
            self.rows.failed.discard((model, name))


def scan(directory: Path, record: AnyRecord, look: Callable[[Key, list[Line]], None] | None = None) -> Scan:
    """Go through the file once, a sample at a time.

    Args:
        directory: of the run.
        record: run.json.
        look: is shown all lines of each sample, without their truths, in the order of the file; samples whose lines
            stand apart come last.
    """
    found = Scan(StoredRows(directory, record))
    same: dict[tuple[str, ...], tuple[str, ...]] = {}
    apart: set[Key] = set()
    for span, lines in grouped(scanned(directory, forms_of(record), found)):
        key = _key(lines[0])
        before = found.conditions.get(key, ())
        conditions = (*before, *(str(line.condition) for line in lines))
        found.conditions[key] = same.setdefault(conditions, conditions)
        found.rows.add(lines, span)
        if before:
            apart.add(key)
        elif look is not None:
            look(key, lines)
    if look is not None and apart:
        with open_file(directory / ROWS) as file:
            for model, name in apart:
                look((model, name), _lines_at(file, forms_of(record), found.rows.spans[model][name]))
    return found


def read_rows(directory: Path, record: AnyRecord) -> StoredRows:
    """All rows of a finished run; RunError, with the line, where one is damaged, and when one is read without truth."""
    if not (directory / ROWS).exists():
        raise RunError(f"{directory / ROWS}: expected rows, got none. Resume or repeat the run.")
    try:
        found = scan(directory, record)
    except OSError as error:
        raise RunError(f"{directory / ROWS}: expected rows, got: {error}. Resume or repeat the run.") from error
    if found.damaged:
        raise broken(directory, found.damaged[0])
    return found.rows


def rewritten(rows: StoredRows) -> StoredRows:
    """The same rows, now that their file holds no others, and the lines of each sample together."""
    places = sorted(
        ((spans, model, name) for model, own in rows.spans.items() for name, spans in own.items()),
        key=lambda one: one[0],
    )
    found = StoredRows(rows.directory, rows.record, failed=set(rows.failed))
    begin = 0
    for spans, model, name in places:
        length = sum(length for _, length in spans)
        found.spans.setdefault(model, {})[name] = ((begin, length),)
        begin += length
    write_pieces(rows.directory, ROWS, _pieces(rows.directory, [spans for spans, _, _ in places]))
    return found


def _pieces(directory: Path, places: Sequence[Sequence[Span]]) -> Iterator[bytes]:
    if not places:
        return
    with open_file(directory / ROWS) as file:
        for begin, length in (span for spans in places for span in spans):
            file.seek(begin)
            yield file.read(length)


def whole_rows(directory: Path, record: AnyRecord, conditions: Iterable[str] | None = None) -> StoredRows:
    """The rows of samples that are wholly there, of a run that may be at work: nothing is cut off or repaired.

    Args:
        directory: of the run.
        record: run.json.
        conditions: of a complete sample; None: whole lines are enough.
    """
    forms, faults = forms_of(record), set()

    def look(key: Key, lines: list[Line]) -> None:
        if with_truths(directory, lines, forms)[1]:
            faults.add(key)
        else:
            faults.discard(key)

    found = scan(directory, record, look)
    found.forget(faults)
    if conditions is not None:
        found.complete(conditions)
    return found.rows


def scanned(directory: Path, forms: Forms, found: Scan) -> Iterator[tuple[Span, Line]]:
    """Every line of the file, without its truth; `found` is told of the others. Nothing where there is no file."""
    try:
        file = open_file(directory / ROWS)
    except FileNotFoundError:
        return
    begin = 0
    with file:
        for number, text in enumerate(file, 1):
            span, begin, found.lines = (begin, len(text)), begin + len(text), number
            if not text.endswith(b"\n"):
                found.damaged.append(f"{ROWS}, line {number}: it breaks off")
                continue
            try:
                yield span, line_in(text[:-1], forms)
            except (ValueError, RecursionError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
                found.damaged.append(f"{ROWS}, line {number}: {reason}")


def grouped(lines: Iterable[tuple[Span, Line]]) -> Iterator[tuple[Span, list[Line]]]:
    """The lines of one sample and model that stand together, as one."""
    span: Span = (0, 0)
    together: list[Line] = []
    for (begin, length), line in lines:
        if together and (_key(line) != _key(together[0]) or begin != span[0] + span[1]):
            yield span, together
            together = []
        span = (span[0], span[1] + length) if together else (begin, length)
        together.append(line)
    if together:
        yield span, together


def _key(line: Line) -> Key:
    return line.model, line.id
