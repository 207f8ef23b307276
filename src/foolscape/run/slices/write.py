"""Writes slices.json, by a run at its end and by a report of a run that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from foolscape.errors import RunError
from foolscape.metrics.slices.groups import LEAST
from foolscape.records.places import MATRIX, RUNS, SLICES, SUMMARY, WHEN
from foolscape.records.reader import read_record, read_slices
from foolscape.records.run import AnyRecord, EnsembleRecord, HardenRecord, TransferRecord
from foolscape.records.slices import SlicesRecord
from foolscape.records.types import to_json
from foolscape.report.form import of_a_run
from foolscape.run.directory.begun import write_json
from foolscape.run.slices.given import Given, joined
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.make import Sliced, slices_of
from foolscape.run.slices.table import SliceTable, matched
from foolscape.strict import lose_any


def write_slices(directory: Path, run: Sliced, given: Given, say: Callable[[str], None]) -> None:
    """Write slices.json of a run; nothing where there are too few images to compare any, and nobody asked.

    Args:
        directory: of the run.
        run: what is in it.
        given: what is known of the images. Where no table is given, one that was given before goes on to count.
        say: is told what was odd.
    """
    if not given.asked:
        given = _with_earlier(directory, given, say)
    if len(run.record.samples) < LEAST and not given.asked:
        return
    found = slices_of(run, given)
    for note in found.notes:
        say(note)
    if any(model.slices for model in found.models):
        write_json(directory, SLICES, {"schema": found.schema} | to_json(SlicesRecord, found))


@of_a_run
def renew_slices(directory: Path, table: SliceTable | None, say: Callable[[str], None]) -> tuple[Path, ...]:
    """Write slices.json of what has finished in `directory`, if it has none, or by a new `table`, and of its runs.

    Returns:
        The directories of the runs in it that were sliced by the table, whose pages tell of it.

    Raises:
        RunError: a table, and nothing that has finished; rows that cannot be read.
        SettingError: the table names none of the images.
        UnwritableError: it cannot be written.
    """
    record = read_record(directory)
    result = MATRIX if isinstance(record, TransferRecord) else SUMMARY
    if isinstance(record, EnsembleRecord) or not (directory / result).exists():
        if table is not None:
            raise RunError(f"{directory}: expected a finished run to slice, got one that has not finished or has none")
        return ()
    within = () if table is None else tuple(_runs_in(directory, record))
    for place in within:
        renew_slices(place, table, say)
    if table is None and (directory / SLICES).exists() and _earlier(directory, say) is not None:
        return ()
    run = sliced_in(directory)
    if run is not None:
        given = Given({}) if table is None else _of_table(directory, [one.id for one in run.record.samples], table, say)
        write_slices(directory, run, given, say)
    return within


def _runs_in(directory: Path, record: AnyRecord) -> Iterator[Path]:
    """The directories of the runs that a transfer or a hardening is made of."""
    if isinstance(record, TransferRecord):
        yield from (directory / RUNS / model.slug for model in record.models)
    if isinstance(record, HardenRecord):
        yield from (directory / when for when in WHEN)


def _of_table(directory: Path, ids: Sequence[str], table: SliceTable, say: Callable[[str], None]) -> Given:
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
