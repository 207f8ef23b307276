"""`foolscape rows`: the rows of a run as text, wherever they lie: in rows.jsonl or in Parquet parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from foolscape.cli.console import tell
from foolscape.cli.outlet import STDOUT
from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.printable import printable, printable_json

if TYPE_CHECKING:
    from foolscape.records.parts import Entry

_DAMAGED: Final = 3
"""Damaged lines that are told one by one."""


class RowFormat(StrEnum):
    """How `foolscape rows` gives rows."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def rows(
    directory: Annotated[
        str, typer.Argument(help="Directory of a run, transfer or universal; unfinished ones too.", metavar="DIR")
    ],
    model: Annotated[str | None, typer.Option(help="Of this model alone: its spec or short name.")] = None,
    condition: Annotated[
        str | None, typer.Option(help="clean, adversarial, permuted, noise or failed; adversarial@4/255 of several.")
    ] = None,
    ids: Annotated[str | None, typer.Option(help="Of the images with these ids alone, separated by commas.")] = None,
    form: Annotated[
        RowFormat, typer.Option("--format", help="jsonl: whole rows; csv: what stands in a line; parquet: both.")
    ] = RowFormat.JSONL,
    to: Annotated[
        str | None, typer.Option(help="Write them to this file instead of standard output.", metavar="FILE")
    ] = None,
) -> None:
    """Print the rows of a run, or some of them, model by model in the order of its images.

    They are read one after the other, and nothing in the directory is changed.
    """
    if form is RowFormat.PARQUET and to is None:
        raise SettingError("format: expected --to FILE for parquet, which is no text, got none")
    from foolscape.records.chosen import chosen, scanned

    found = scanned(path_of(directory))
    for fault in found.damaged[:_DAMAGED]:
        tell(f"note: left out, for it cannot be read: {fault}")
    if more := len(found.damaged[_DAMAGED:]):
        tell(f"note: and {more} more like these")
    wanted = [name for name in (ids or "").split(",") if name]
    entries = chosen(found, model, condition, wanted)
    if to is not None:
        tell(f"rows: {_written(path_of(to), entries, form)}")
    elif form is RowFormat.CSV:
        for line in _table(entries, plain=True):
            STDOUT.write(line)
    else:
        for text, _ in entries:
            STDOUT.write(printable_json(text.decode(), STDOUT.encoding))


def _written(to: Path, entries: Iterator[Entry], form: RowFormat) -> Path:
    """The file with the rows, which is written whole or not at all."""
    from foolscape.disk import in_words, write_pieces
    from foolscape.records.parts import write_table

    with in_words(to.parent):
        if form is RowFormat.PARQUET:
            return write_table(to.parent, to.name, entries)
        lines = (text for text, _ in entries) if form is RowFormat.JSONL else map(str.encode, _table(entries))
        return write_pieces(to.parent, to.name, lines)


def _table(entries: Iterator[Entry], *, plain: bool = False) -> Iterator[str]:
    """Lines of CSV, the first with the names of the columns; `plain`: without control characters."""
    from foolscape.records.parts import COLUMNS, columns_of

    held = io.StringIO()
    writer = csv.DictWriter(held, COLUMNS, lineterminator="\n")
    writer.writeheader()
    yield held.getvalue()
    for _, line in entries:
        held.seek(0)
        held.truncate()
        values = columns_of(line)
        writer.writerow({key: printable(one) if plain and isinstance(one, str) else one for key, one in values.items()})
        yield held.getvalue()
