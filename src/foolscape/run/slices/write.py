"""Writes slices.json, by a run at its end and by a report of a run that has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from foolscape.errors import RunError
from foolscape.metrics.slices.groups import LEAST
from foolscape.records.places import SLICES, SUMMARY
from foolscape.records.reader import read_record, read_slices
from foolscape.records.row import Line
from foolscape.records.rows import read_rows
from foolscape.records.run import RunRecord
from foolscape.records.slices import SlicesRecord
from foolscape.records.types import to_json
from foolscape.report.form import of_a_run
from foolscape.run.directory.store import write_json
from foolscape.run.slices.given import Given, joined
from foolscape.run.slices.make import slices_of
from foolscape.run.slices.table import SliceTable, matched
from foolscape.strict import lose_any


def write_slices(
    directory: Path, record: RunRecord, lines: Sequence[Line], given: Given, say: Callable[[str], None]
) -> None:
    """Write slices.json of a run; nothing where there are too few images to compare any, and nobody asked.

    Args:
        directory: of the run.
        record: run.json.
        lines: of rows.jsonl, with their truth.
        given: what is known of the images. Where no table is given, one that was given before goes on to count.
        say: is told what was odd.
    """
    if not given.asked:
        given = _with_earlier(directory, given, say)
    if len(record.samples) < LEAST and not given.asked:
        return
    found = slices_of(directory, record, lines, given)
    for note in found.notes:
        say(note)
    if any(model.slices for model in found.models):
        write_json(directory, SLICES, {"schema": found.schema} | to_json(SlicesRecord, found))


@of_a_run
def renew_slices(directory: Path, table: SliceTable | None, say: Callable[[str], None]) -> None:
    """Write slices.json of a finished run in `directory` if it has none, or by a new `table`.

    Raises:
        RunError: a table, and no run that has finished; rows that cannot be read.
        SettingError: the table names none of the run's images.
        UnwritableError: it cannot be written.
    """
    record = read_record(directory)
    if not isinstance(record, RunRecord) or not (directory / SUMMARY).exists():
        if table is not None:
            raise RunError(f"{directory}: expected a finished run of foolscape run to slice, got something else")
        return
    if table is None and (directory / SLICES).exists() and _earlier(directory, say) is not None:
        return
    given = Given({}) if table is None else _of_table(directory, record, table, say)
    write_slices(directory, record, read_rows(directory, record), given, say)


def _of_table(directory: Path, record: RunRecord, table: SliceTable, say: Callable[[str], None]) -> Given:
    ids = [sample.id for sample in record.samples]
    found, notes = matched(table, ids, ids)
    lose_any(notes)
    earlier = _earlier(directory, say)
    return Given(joined({} if earlier is None else earlier.attributes, found, table.names), tuple(notes), asked=True)


def _with_earlier(directory: Path, given: Given, say: Callable[[str], None]) -> Given:
    earlier = _earlier(directory, say)
    if earlier is None:
        return given
    both = {
        name: {**given.attributes.get(name, {}), **earlier.attributes.get(name, {})}
        for name in {**given.attributes, **earlier.attributes}
    }
    return Given(both, given.notes, asked=True)


def _earlier(directory: Path, say: Callable[[str], None]) -> SlicesRecord | None:
    """What is there, if it can be read; that it cannot is said."""
    try:
        return read_slices(directory)
    except RunError as error:
        say(f"{error}; it is made again")
        return None
