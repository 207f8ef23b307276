"""Some of the rows of a directory as they stand in its files, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from foolscape.errors import RunError, SettingError
from foolscape.records.index import Span
from foolscape.records.parts import Entry, parts_in
from foolscape.records.places import ROWS
from foolscape.records.reader import read_record
from foolscape.records.run import AnyRecord
from foolscape.records.scan import Scan, scan
from foolscape.records.stored import RowFiles, broken, row_files


def scanned(directory: Path) -> Scan:
    """Which rows there are in a directory, of a run that may be at work; RunError where there are none."""
    record = read_record(directory)
    if not (directory / ROWS).exists() and not parts_in(directory):
        raise RunError(f"{directory}: expected rows in {ROWS} or in parts, got neither; name the directory of a run")
    return scan(directory, record)


def models_named(record: AnyRecord, wanted: str | None) -> list[str | None]:
    """The models whose rows are meant, by spec or short name; None, of images that failed whatever the model, last.

    Raises:
        SettingError: the run has no such model.
    """
    if wanted is None:
        return [*(model.model for model in record.models), None]
    found: list[str | None] = [model.model for model in record.models if wanted in (model.model, model.slug)]
    if not found:
        there = ", ".join(model.model for model in record.models) or "none"
        raise SettingError(f"model: expected one of the run ({there}), got {wanted}")
    return found


def chosen(found: Scan, model: str | None, condition: str | None, ids: Collection[str]) -> Iterator[Entry]:
    """The lines of rows that are meant, each with its line break and what it says: by model, in the order of the run.

    Args:
        found: what is there.
        model: a spec or short name; None: all.
        condition: with its bound, or its name alone for all bounds; `failed` for what could not be measured; None: all.
        ids: of images; none: all.

    Raises:
        SettingError: the run has no such model or image.
        RunError: a file is not any more what it was.
    """
    rows, record = found.rows, found.rows.record
    order = record.order
    for name in ids:
        if name not in order:
            raise SettingError(f"ids: expected ids of images of the run, got {name}")
    models = models_named(record, model)
    with row_files(rows.directory) as files:
        for one in models:
            spans = rows.of(one)
            for name in sorted(ids or spans, key=lambda name: order.get(name, len(order))):
                for text, line in _entries(files, spans.get(name, ())):
                    if condition in (None, str(line.condition), line.condition.partition("@")[0]):
                        yield text, line


def _entries(files: RowFiles, spans: Sequence[Span]) -> list[Entry]:
    try:
        return files.entries(spans)
    except (OSError, ValueError) as error:
        raise broken(files.directory, str(error)) from error
