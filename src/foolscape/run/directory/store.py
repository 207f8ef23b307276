"""The run directory: what is written survives a kill and a power cut at any moment, and no run overwrites another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foolscape.disk import PART, append_file, digest, in_words, remove_file, sync_folder, write_file
from foolscape.errors import RunError
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.index import TAIL
from foolscape.records.parts import SEALED_BYTES, in_parts
from foolscape.records.places import PARTIAL, REPORTS, ROWS, RUN, TIMINGS
from foolscape.records.reader import read_json
from foolscape.records.results import checked
from foolscape.records.row import Line
from foolscape.records.rows import Forms, forms_of, line_bytes
from foolscape.records.run import AnyRecord, Keep, RunRecord, UniversalRecord
from foolscape.records.scan import rewritten, seal
from foolscape.records.stored import StoredRows
from foolscape.records.timings import Timing, keep_timings, timing_bytes
from foolscape.records.traits import Traits
from foolscape.records.types import FileHash, Object, R, read
from foolscape.run.directory.album import Album
from foolscape.run.directory.begun import agree, as_json, read_settings, write_json
from foolscape.run.directory.keeping import Distil, Keeper, Shown
from foolscape.run.directory.lock import locked, own
from foolscape.run.directory.losses import lose_rows
from foolscape.run.directory.rows import KeptRows, keep_rows
from foolscape.run.directory.siblings import begun_beside
from foolscape.run.directory.threads import at_threads, own_threads
from foolscape.strict import lose


def _nobody(text: str) -> None:
    del text


def _unheard(rows: Sequence[Line], seconds: float | None) -> None:
    del rows, seconds


def _nothing(directory: Path, record: AnyRecord, lines: Sequence[Line]) -> Traits | None:
    del directory, record, lines
    return None


@dataclass
class RunStore:
    """An open run directory, locked against a second process. Made by `open_run`.

    Attributes:
        directory: the run's directory.
        record: what run.json holds.
        rows: the complete samples so far.
        say: is told what was lost and is made again.
        keeper: lets pictures go, where not all are kept.
        in_parts: whether rows become Parquet parts.
        heard: is told of the rows of each sample when they are on the disk, and of the seconds of its attack.
    """

    directory: Path
    record: AnyRecord
    rows: StoredRows
    say: Callable[[str], None] = _nobody
    keeper: Keeper | None = None
    in_parts: bool = False
    heard: Callable[[Sequence[Line], float | None], None] = _unheard

    @property
    def forms(self) -> Forms:
        """How its rows stand in files."""
        return forms_of(self.record)

    def settled_ids(self, model: str | None) -> set[str]:
        """Ids of samples that are done or given up for `model` (None: given up whatever the model)."""
        return set(self.rows.ids(model))

    def append(self, rows: Sequence[Line], seconds: float | None = None) -> None:
        """Add all rows of one sample and model at once, and make sure that they are on the disk.

        Args:
            rows: of the sample.
            seconds: that the attack took, where there was one.

        Raises:
            LossError: one tells of something left out, and nothing may be.
        """
        lose_rows(rows)
        first = rows[0]
        if seconds is not None and first.model is not None:
            timing = Timing(model=first.model, id=first.id, seconds=round(seconds, 4))
            append_file(self.directory, TIMINGS, timing_bytes(timing))
        if self.keeper is not None:
            self.keeper.before(rows)
        content = b"".join(line_bytes(row, self.forms) for row in rows)
        begin = append_file(self.directory, ROWS, content)
        self.rows.add(rows, (TAIL, begin, len(content)))
        if self.in_parts and begin + len(content) >= SEALED_BYTES:
            seal(self.rows)
        if self.keeper is not None:
            self.keeper.after(rows)
        self.heard(rows, seconds)

    def keep(self, **fields: Any) -> None:
        """Add to run.json what was found out before anything is measured: fields of the record."""
        self.record = replace(self.record, **fields)
        self.save_json(RUN, as_json(self.record))

    def album(self, model: str) -> Album:
        """For the pictures of one sample as the model with this spec has it."""
        form = self.forms.models.get(model)
        return Album(self.directory, "" if form is None else form.truth or "", layout=self.record.layout)

    def save_bytes(self, place: str, content: bytes) -> FileHash:
        """Write a file to `place` below the directory; its size and hash, as a row names it."""
        write_file(self.directory, place, content)
        return digest(content)

    def load_json(self, place: str, form: Any) -> Object:
        """What `save_json` wrote to `place`; empty if it did not, or if that is damaged, which is said.

        Args:
            place: below the directory.
            form: the record, or union of records, that the object must be.
        """
        path = self.directory / place
        if not os.path.lexists(path):
            return {}
        try:
            content = read_json(path)
            read(form, content)
        except RunError as error:
            self.say(f"{error}; it is made again")
            return {}
        except ValueError as error:
            self.say(f"{path}: expected the form that a run writes, got another: {error}; it is made again")
            return {}
        return content

    def load_record(self, place: str, kind: type[R]) -> R | None:
        """The record that `save_json` wrote to `place`; None if it did not, or if that is damaged, which is said."""
        path = self.directory / place
        if not os.path.lexists(path):
            return None
        try:
            return read(kind, read_json(path))
        except (RunError, ValueError) as error:
            self.say(f"{error if isinstance(error, RunError) else f'{path}: {error}'}; it is made again")
            return None

    def finish(self, place: str, result: Object) -> None:
        """Write the result, the last file of a run, in the form of its record; reports of the unfinished run go."""
        checked(self.record, result)
        with in_words(self.directory):
            _forget_partial(self.directory)
            if self.keeper is not None:
                self.keeper.sweep()
        if self.in_parts:
            seal(self.rows)
        self.save_json(place, result)

    def save_json(self, place: str, record: Mapping[str, Any]) -> None:
        """Write a JSON object to `place` below the directory; NaN is refused."""
        write_json(self.directory, place, record)


def run_record(store: RunStore) -> RunRecord:
    """run.json of a run of `foolscape run`."""
    assert isinstance(store.record, RunRecord)
    return store.record


def universal_record(store: RunStore) -> UniversalRecord:
    """run.json of a run of `foolscape universal`."""
    assert isinstance(store.record, UniversalRecord)
    return store.record


@contextlib.contextmanager
def open_run(
    directory: Path,
    record: AnyRecord,
    conditions: Iterable[str],
    say: Callable[[str], None] = _nobody,
    keep: Keep | None = None,
    distil: Distil = _nothing,
) -> Iterator[RunStore]:
    """Begin the run that `record` describes in `directory`, or go on with it.

    Args:
        directory: made if it is missing.
        record: for run.json; apart from the time, the command line and the gradient checks it must equal what is there.
            The threads that a run, or a part of it beside this one, was begun with hold for whoever goes on with it.
        conditions: of a complete sample; a sample of which only some rows reached the disk, or of which a file is lost
            or changed, is done again.
        say: told what was lost.
        keep: which pictures are to be there; None: those that the run was begun with, or all. Where more are asked for
            than were kept, the samples of the others are done again.
        distil: what must be known of a sample whose pictures are let go.

    Raises:
        RunError: another run's directory, one of another schema or with other things in it, a second process, or no
            permission.
        LossError: something was left out when it was begun, and nothing may be.
    """
    with locked(directory):
        with in_words(directory):
            sibling = begun_beside(directory, record)
            threads = record.threads or (sibling and sibling.threads) or own_threads()
            whole = replace(record, threads=threads, kept=keep or "all")
            agreed = _keeping(directory, agree(directory, whole), keep)
            own(directory)
            shown = Shown(directory, agreed)
            kept = _kept_rows(directory, set(conditions), agreed, say, shown)
            rows = kept.rows
            keeper = None if agreed.kept == "all" else Keeper(directory, agreed, distil, shown)
            if keeper is not None:
                keeper.catch_up(sample for model in list(rows.spans) for sample in rows.samples(model))
                keeper.sweep()
            keep_timings(directory, rows)  # a kill may have come between their time and their rows
            _forget_partial(directory)
            sweep(directory)
            sync_folder(directory)  # of what a killed process has written the names may not be on the disk yet
        if kept.left_out:
            lose(kept.left_out)
        with at_threads(agreed.threads, say):
            yield RunStore(directory, agreed, rows, say, keeper, in_parts(len(agreed.samples), say))


def let_go(directory: Path, keep: Keep, distil: Distil) -> None:
    """Let the pictures go of a run that is not at work but those that it is to `keep`; raises as `open_run`."""
    record = read_settings(directory)
    conditions = record.conditions if isinstance(record, RunRecord) else (ADVERSARIAL,)
    if record is not None:
        with open_run(directory, record, conditions, keep=keep, distil=distil):
            pass


def _keeping(directory: Path, record: AnyRecord, keep: Keep | None) -> AnyRecord:
    """The record of a run that keeps the pictures that are asked for, which is written before any are let go."""
    if keep is None or keep == record.kept:
        return record
    found = replace(record, kept=keep)
    write_json(directory, RUN, as_json(found))
    return found


def _kept_rows(
    directory: Path, conditions: set[str], record: AnyRecord, say: Callable[[str], None], shown: Shown
) -> KeptRows:
    """The rows that count; the file is rewritten without the others, and what was lost is said."""
    kept = keep_rows(directory, conditions, record, shown)
    for reason in kept.lost:
        say(f"{directory}: {reason}; measured again")
    if kept.whole:
        return kept
    return replace(kept, found=replace(kept.found, rows=rewritten(kept.found)))


def sweep(directory: Path) -> None:
    """Remove what a kill has left half written in `directory`, but not in the directories of other runs below it."""
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if not (Path(folder) / name / RUN).exists()]
        for name in files:
            if name.startswith(".") and name.endswith(PART):
                remove_file(Path(folder) / name)


def _forget_partial(directory: Path) -> None:
    """Remove what was written about an unfinished run: it is not true any more when the run goes on."""
    if (directory / PARTIAL).exists():
        for name in (*REPORTS, PARTIAL):
            remove_file(directory / name)
