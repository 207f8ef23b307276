"""The run directory: what is written survives a kill and a power cut at any moment, and no run overwrites another."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foolscape.disk import PART, append_file, digest, in_words, remove_file, sweep, sync_folder, write_file
from foolscape.errors import RunError
from foolscape.report.files import PARTIAL, REPORTS, ROWS, read_json
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.album import Album
from foolscape.run.directory.lock import LOCK, locked
from foolscape.run.directory.rows import FAILED, Record, keep_rows
from foolscape.strict import lose

__all__ = [
    "FAILED", "FORMAT", "Record", "RunStore", "lose_failures", "lose_rows", "open_run", "read_settings", "safe_name",
    "write_json",
]  # fmt: skip

FORMAT: Final = 2
"""Of a run's directory, in run.json: since 2 rows name their files. Others are not gone on with."""

RECORD: Final = "run.json"


def _nobody(text: str) -> None:
    del text


def safe_name(text: str) -> str:
    """A file name for an arbitrary id: readable, of ASCII letters, digits, `.`, `_` and `-`, and without collisions.

    Ids that are safe already stay as they are; others get a short hash of the id behind what is left of them.
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80]
    if kept == text and kept.lower() == text:
        return kept
    return f"{kept}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


@dataclass
class RunStore:
    """An open run directory, locked against a second process. Made by `open_run`.

    Attributes:
        directory: the run's directory.
        record: what run.json holds.
        rows: the complete rows so far, in the order in which they were written.
        say: is told what was lost and is made again.
    """

    directory: Path
    record: Record
    rows: list[Record] = field(default_factory=list)
    say: Callable[[str], None] = _nobody

    def settled(self, model: str | None) -> set[str]:
        """Ids of samples that are done or given up for `model` (None: given up whatever the model)."""
        return {row["id"] for row in self.rows if row["model"] == model}

    def append(self, rows: Sequence[Record]) -> None:
        """Add all rows of one sample and model at once, and make sure that they are on the disk.

        Raises:
            LossError: one tells of something left out, and nothing may be.
        """
        lose_rows(rows)
        append_file(self.directory, ROWS, b"".join(_json(row) for row in rows))
        self.rows.extend(rows)

    def album(self) -> Album:
        """For the pictures of one sample."""
        return Album(self.directory)

    def save_bytes(self, place: str, content: bytes) -> list[int | str]:
        """Write a file to `place` below the directory; its size and hash, as a row names it."""
        write_file(self.directory, place, content)
        return digest(content)

    def load_json(self, place: str, *forms: Iterable[str]) -> Record:
        """What `save_json` wrote to `place`; empty if it did not, or if that is damaged, which is said.

        Args:
            place: below the directory.
            forms: the keys of each form that the object may have.
        """
        path = self.directory / place
        if not os.path.lexists(path):
            return {}
        try:
            found = read_json(path)
        except RunError as error:
            self.say(f"{error}; it is made again")
            return {}
        if forms and not any(set(form) <= found.keys() for form in forms):
            self.say(f"{path}: expected {' or '.join(', '.join(form) for form in forms)} in it, got none; made again")
            return {}
        return found

    def finish(self, place: str, result: Record) -> None:
        """Write the result, the last file of a run; reports of the unfinished run go."""
        with in_words(self.directory):
            _forget_partial(self.directory)
        self.save_json(place, result)

    def save_json(self, place: str, record: Record) -> None:
        """Write a JSON object to `place` below the directory; NaN is refused."""
        write_json(self.directory, place, record)


def write_json(directory: Path, place: str, record: Record) -> None:
    """Write a JSON object to `place` below `directory`; NaN is refused."""
    write_file(directory, place, _json(record, indent=1))


def _json(record: Record, indent: int | None = None) -> bytes:
    """A JSON object and a line break; a name that is no UTF-8 is written by its code points."""
    try:
        return (json.dumps(record, indent=indent, allow_nan=False, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(record, indent=indent, allow_nan=False) + "\n").encode()


@contextlib.contextmanager
def open_run(
    directory: Path, record: Record, conditions: Iterable[str], say: Callable[[str], None] = _nobody
) -> Iterator[RunStore]:
    """Begin the run that `record` describes in `directory`, or go on with it.

    Args:
        directory: made if it is missing.
        record: for run.json, which gets the format too; apart from the time, the command line and the gradient checks
            it must equal what is there.
        conditions: of a complete sample; a sample of which only some rows reached the disk, or of which a file is lost
            or changed, is done again.
        say: told what was lost.

    Raises:
        RunError: another run's directory, one of another format or with other things in it, a second process, or no
            permission.
        LossError: something was left out when it was begun, and nothing may be.
    """
    with locked(directory):
        with in_words(directory):
            agreed = _agree(directory, record | {"format": FORMAT})
            rows = _kept_rows(directory, set(conditions), _order(agreed), say)
            _forget_partial(directory)
            sweep(directory)
            sync_folder(directory)  # of what a killed process has written the names may not be on the disk yet
        lose_rows(rows)
        yield RunStore(directory, agreed, rows, say)


def _kept_rows(directory: Path, conditions: set[str], order: Sequence[str], say: Callable[[str], None]) -> list[Record]:
    """The rows that count; the file is rewritten without the others, and what was lost is said."""
    kept = keep_rows(directory, conditions, order)
    for reason in kept.lost:
        say(f"{directory}: {reason}; measured again")
    if not kept.whole:
        write_file(directory, ROWS, "".join(f"{line.text}\n" for line in kept.lines).encode())
    return [line.row for line in kept.lines]


def _order(record: Record) -> list[str]:
    """The ids of a run's samples, as run.json holds them."""
    samples = record.get("samples", ())
    return [sample["id"] if isinstance(sample, dict) else sample for sample in samples]


def lose_rows(rows: Iterable[Record]) -> None:
    """`lose` for the first of the `rows` of a sample that could not be used, or of which something was left out."""
    for row in rows:
        for reason in (*([row["reason"]] if row["condition"] == FAILED else []), *row.get("lost", ())):
            lose(f"{row['id']}: {reason}")


def lose_failures(failures: Iterable[Record]) -> None:
    """`lose` for the first of the images that training could not use, each with its id and reason."""
    for failure in failures:
        lose(f"{failure['id']}: {failure['reason']}")


def _forget_partial(directory: Path) -> None:
    """Remove what was written about an unfinished run: it is not true any more when the run goes on."""
    if (directory / PARTIAL).exists():
        for name in (*REPORTS, PARTIAL):
            remove_file(directory / name)


def read_settings(directory: Path) -> Record | None:
    """What run.json of a run to go on with holds; None where nothing was begun in `directory`.

    Raises:
        RunError: it is damaged, or of a format whose rows do not say what files belong to them.
    """
    path = directory / RECORD
    if not os.path.lexists(path):
        return None
    try:
        found = read_json(path)
    except RunError as error:
        raise RunError(
            f"{error}. Without it nobody knows what was measured in {directory}: delete that folder, or choose another "
            "--out"
        ) from error
    if found.get("format") != FORMAT:
        raise RunError(
            f"{path}: expected format {FORMAT} of a run to go on with, got {found.get('format', 'an earlier one')!r}, "
            f"of foolscape {found.get('foolscape', 'unknown')}: its rows do not say which files belong to them. A "
            "finished run of it can be reported; to measure anew choose another --out"
        )
    for key in ("gradient", "consistency", "narrowed"):
        if not isinstance(found.get(key, {}), dict):
            raise RunError(f"{path}: does not have the form of a run: {key} is no object. Choose another --out")
    return found


def _agree(directory: Path, record: Record) -> Record:
    """What run.json holds, written if it is not there, and equal to `record` in all that matters."""
    there = read_settings(directory)
    if there is None:
        strangers = sorted(p.name for p in directory.iterdir() if p.name != LOCK and not p.name.endswith(PART))
        if strangers:
            raise RunError(f"expected an empty directory or a run in {directory}, got {', '.join(strangers[:3])}")
        write_json(directory, RECORD, record)
        return record
    record = json.loads(json.dumps(record))
    changed = differences(there, record)
    if changed:
        raise RunError(
            f"expected the command that began {directory}, got another one: {'; '.join(changed[:4])}. "
            "Runs are never mixed: choose another --out, or --new without one"
        )
    return there
