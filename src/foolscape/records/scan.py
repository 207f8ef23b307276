"""A look at all rows of a directory: which samples are there, and what is damaged; and the files without what is not.

Rows are appended to a tail, rows.jsonl. In a run of many images it becomes a Parquet part whenever it is long enough:
the part is written, then the tail without it, so that a kill between the two leaves rows twice, of which those of the
tail are left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foolscape.disk import remove_file, write_file, write_pieces
from foolscape.errors import RunError
from foolscape.records.conditions import FAILED
from foolscape.records.index import TAIL, Noted, Span
from foolscape.records.parts import Entry, part_place, parts_in, write_part
from foolscape.records.places import ROWS
from foolscape.records.row import Line
from foolscape.records.rows import Forms, Key, forms_of, line_in, outline_in, with_truths
from foolscape.records.run import AnyRecord
from foolscape.records.stored import RowFiles, StoredRows, broken, row_files


@dataclass
class Scan:
    """What a look at the whole file finds.

    Attributes:
        rows: every sample of which there is a line.
        conditions: of the lines of each sample.
        damaged: what is wrong with lines that are none.
        lines: how many there are, by part or `TAIL`.
        broken: parts that cannot be read to their end, of which nothing counts.
    """

    rows: StoredRows
    conditions: Noted[tuple[str, ...]]
    damaged: list[str] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)

    def complete(self, wanted: Iterable[str]) -> None:
        """Forget the samples without one row for each of the conditions `wanted`, or one that says why not."""
        whole = {(FAILED,), tuple(sorted(wanted))}
        self.forget([key for key, found in self.conditions.items() if tuple(sorted(found)) not in whole])

    def forget(self, keys: Iterable[Key]) -> None:
        """Leave samples out."""
        for model, name in keys:
            self.rows.of(model).pop(name, None)
            self.rows.failed.discard((model, name))


def scan(directory: Path, record: AnyRecord, look: Callable[[Key, list[Line]], None] | None = None) -> Scan:
    """Go through the files once, a sample at a time.

    Args:
        directory: of the run.
        record: run.json.
        look: is shown all lines of each sample, without their truths, in the order of the files; samples whose lines
            stand apart come last.
    """
    found, forms = Scan(StoredRows(directory, record), Noted(record)), forms_of(record)
    apart: set[Key] = set()
    with row_files(directory) as files:
        for span, lines in grouped(_scanned(files, forms, found)):
            key = _key(lines[0])
            before = found.conditions.get(key, ())
            if before and span[0] == TAIL and found.rows.spans[key[0]][key[1]][-1][0] != TAIL:
                continue  # sealed, and the tail not yet shortened
            found.conditions[key] = (*before, *(str(line.condition) for line in lines))
            found.rows.add(lines, span)
            if before:
                apart.add(key)
            elif look is not None:
                look(key, lines)
        if found.broken:
            lost = [
                (model, name)
                for model, own in found.rows.spans.items()
                for name, spans in own.items()
                if any(span[0] in found.broken for span in spans)
            ]
            found.forget(lost)
            apart -= set(lost)
        for model, name in apart if look is not None else ():
            assert look is not None
            look((model, name), files.lines(found.rows.spans[model][name], forms))
    return found


def _scanned(files: RowFiles, forms: Forms, found: Scan) -> Iterator[tuple[Span, Line]]:
    """Every line, without its truth; `found` is told of the others."""
    for number in parts_in(files.directory):
        place = part_place(number)
        try:
            for row, text in enumerate(files.parts.all_lines(number)):
                found.lines[number] = row + 1
                yield (number, row, 1), line_in(text, forms)
        except (OSError, ValueError, RecursionError) as error:
            found.lines.setdefault(number, 0)
            found.broken.add(number)
            found.damaged.append(f"{place}: {(str(error).splitlines() or [type(error).__name__])[0][:160]}")
    begin = 0
    for number, text in enumerate(files.tail or (), 1):
        span, begin, found.lines[TAIL] = (TAIL, begin, len(text)), begin + len(text), number
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
    span: Span = (0, 0, 0)
    together: list[Line] = []
    for (file, begin, length), line in lines:
        if together and (_key(line) != _key(together[0]) or (file, begin) != (span[0], span[1] + span[2])):
            yield span, together
            together = []
        span = (file, span[1], span[2] + length) if together else (file, begin, length)
        together.append(line)
    if together:
        yield span, together


def _key(line: Line) -> Key:
    return line.model, line.id


def read_rows(directory: Path, record: AnyRecord) -> StoredRows:
    """All rows of a finished run; RunError, with the line, where one is damaged, and when one is read without truth."""
    if not (directory / ROWS).exists() and not parts_in(directory):
        raise RunError(f"{directory / ROWS}: expected rows, got none. Resume or repeat the run.")
    try:
        found = scan(directory, record)
    except OSError as error:
        raise RunError(f"{directory / ROWS}: expected rows, got: {error}. Resume or repeat the run.") from error
    if found.damaged:
        raise broken(directory, found.damaged[0])
    return found.rows


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


_Place = tuple[tuple[Span, ...], str | None, str]
"""Where a sample is, and which."""


def rewritten(found: Scan) -> StoredRows:
    """The rows that a scan has left, now that the files hold no others, and the lines of each sample together."""
    rows = found.rows
    kept = StoredRows(rows.directory, rows.record, failed=set(rows.failed))
    by_file: dict[int, list[_Place]] = {file: [] for file in (*found.lines, TAIL)}
    for model, own in rows.spans.items():
        for name, spans in own.items():
            # Of a sample whose lines stand apart those in a part go to the tail, too.
            by_file[spans[0][0] if len(spans) == 1 else TAIL].append((spans, model, name))
    for file, samples in sorted(by_file.items(), reverse=True):  # the tail first: nothing is ever in no file
        samples.sort(key=lambda one: one[0])
        if not samples and file != TAIL:
            remove_file(rows.directory / part_place(file))
        elif file == TAIL:
            sizes: list[int] = []
            write_pieces(rows.directory, ROWS, _pieces(rows.directory, samples, sizes))
            _place(kept, _keys(samples), TAIL, sizes)
        elif sum(spans[0][2] for spans, *_ in samples) == found.lines[file]:
            for spans, model, name in samples:
                kept.of(model)[name] = spans
        else:
            write_part(rows.directory, file, _entries(rows, samples))
            _place(kept, _keys(samples), file, [spans[0][2] for spans, *_ in samples])
    return kept


def seal(rows: StoredRows) -> None:
    """Make a part of what is in the tail, if anything is; raises as `parts.write_part`, and nothing is changed then."""
    order = rows.record.order
    samples = [  # of a million, no more than the names are held
        (
            model,
            sorted(
                (name for name, spans in own.items() if spans[0][0] == TAIL),
                key=lambda name: order.get(name, len(order)),
            ),
        )
        for model, own in rows.spans.items()
    ]
    if not any(names for _, names in samples):
        return
    number = max(parts_in(rows.directory), default=0) + 1
    places = ((rows.of(model)[name], model, name) for model, names in samples for name in names)
    counts = array("q")
    write_part(rows.directory, number, _entries(rows, places, counts))
    _place(rows, ((model, name) for model, names in samples for name in names), number, counts)
    write_file(rows.directory, ROWS, b"")


def _place(rows: StoredRows, samples: Iterable[Key], file: int, sizes: Iterable[int]) -> None:
    """Enter that samples are in a file one behind the other."""
    begin = 0
    for (model, name), size in zip(samples, sizes, strict=True):
        rows.of(model)[name] = ((file, begin, size),)
        begin += size


def _pieces(directory: Path, samples: Sequence[_Place], sizes: list[int]) -> Iterator[bytes]:
    """The lines of each sample for the tail; `sizes` gets their bytes."""
    with row_files(directory) as files:
        for spans, *_ in samples:
            piece = b"".join(text + b"\n" for span in spans for text in files.texts(span))
            sizes.append(len(piece))
            yield piece


def _keys(samples: Sequence[_Place]) -> list[Key]:
    return [(model, name) for _, model, name in samples]


def _entries(rows: StoredRows, samples: Iterable[_Place], counts: array[int] | None = None) -> Iterator[Entry]:
    """The lines of samples for a part; `counts` gets how many each has."""
    with row_files(rows.directory) as files:
        for spans, *_ in samples:
            texts = [text for span in spans for text in files.texts(span)]
            if counts is not None:
                counts.append(len(texts))
            yield from ((text + b"\n", outline_in(text)) for text in texts)
