"""The one reader of a run's directory: `read_run` gives all that it says, typed; pictures lie at `places.place_of`.

Whatever is not there, is damaged or of another schema is refused with a `RunError` that says what to do.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from foolscape.disk import open_file, read_file
from foolscape.errors import RunError
from foolscape.in_place import found_at
from foolscape.records.partial import PartialRecord
from foolscape.records.parts import parts_in
from foolscape.records.places import PARTIAL, ROWS, RUN, SHARDS, SLICES, SUMMARY
from foolscape.records.results import S
from foolscape.records.run import AnyRecord, RunRecord, record_in
from foolscape.records.scan import read_rows, whole_rows
from foolscape.records.schema import check_schema
from foolscape.records.slices import SlicesRecord
from foolscape.records.stored import StoredRows
from foolscape.records.summary import RunSummary
from foolscape.records.timings import read_timings
from foolscape.records.types import Object, R, read

_HINT: Final = "Name the folder that `foolscape run`, `transfer`, `universal` or `harden` was given as --out."


@dataclass(frozen=True)
class Run:
    """A run that has finished, or what is there of one that has not.

    Attributes:
        directory: where it lies.
        record: run.json.
        summary: summary.json, or partial.json.
        document: the same as the file has it.
        rows: the lines of rows.jsonl, read whenever they are asked for.
        slices: slices.json; None where there is none, or the run has not finished.
    """

    directory: Path
    record: RunRecord
    summary: RunSummary
    document: Object
    rows: StoredRows
    slices: SlicesRecord | None = None

    @cached_property
    def seconds(self) -> dict[tuple[str, str], float]:
        """How long the attack took, by model and id of the image; of many it is read when it is asked for."""
        return read_timings(self.directory)


def read_run(directory: Path) -> Run:
    """The run in `directory`, of `foolscape run`.

    Raises:
        RunError: it is no run directory, the run has not finished and nobody has summed up what is there, or a file is
            damaged or of another schema.
    """
    record, (path, document) = read_record(directory), _document(directory)
    if not isinstance(record, RunRecord):
        raise RunError(
            f"{directory}: expected a run of foolscape run, got a directory of foolscape {record.kind}; its page is "
            "report.html"
        )
    summary = _typed(path, document, RunSummary)
    rows = _of_whole_samples(directory, record) if summary.unfinished else read_rows(directory, record)
    slices = None if summary.unfinished else read_slices(directory)
    return Run(directory, record, summary, document, rows, slices)


def read_record(directory: Path) -> AnyRecord:
    """run.json in `directory`; raises `RunError`."""
    path = directory / RUN
    found = read_object(path, _HINT)
    try:
        return record_in(path, found)
    except ValueError as error:
        raise RunError(
            f"{path}: does not have the form of a run: {error}. run.json is not to be edited; repeat the run"
        ) from error


def read_summary(directory: Path) -> RunSummary:
    """summary.json of a run, or partial.json of one that has not finished; RunError as for `read_run`."""
    return _typed(*_document(directory), RunSummary)


def read_slices(directory: Path) -> SlicesRecord | None:
    """slices.json of a run; None where there is none; RunError where it has not the form of one."""
    path = directory / SLICES
    if not path.exists():
        return None
    try:
        return read(SlicesRecord, read_object(path))
    except ValueError as error:
        raise RunError(
            f"{path}: does not have the form of slices: {error}. Delete it; foolscape report makes it again"
        ) from error


def read_result(directory: Path, place: str, form: type[S]) -> S:
    """The result of a run in the file `place`; RunError where it is not there, or has not this form."""
    require_finished(directory, read_record(directory), place)
    return _typed(directory / place, read_object(directory / place), form)


def read_partial(directory: Path) -> PartialRecord:
    """partial.json of all but a run; RunError where it is not there, or has not the form of one."""
    return _typed(directory / PARTIAL, read_object(directory / PARTIAL), PartialRecord)


def _document(directory: Path) -> tuple[Path, Object]:
    """summary.json of a run, or partial.json of one that has not finished, and what it holds."""
    record = read_record(directory)
    path = directory / SUMMARY
    if not path.exists() and (directory / PARTIAL).exists():
        path = directory / PARTIAL
    else:
        require_finished(directory, record, SUMMARY)
    return path, read_object(path)


def _typed(path: Path, document: Object, form: type[R]) -> R:
    """The JSON object in the file at `path` as the record that it holds; RunError where it is none."""
    try:
        return read(form, document)
    except ValueError as error:
        raise RunError(
            f"{path}: does not have the form of a run: {error}. The command that made the run makes it again"
        ) from error


def require_finished(directory: Path, record: AnyRecord, result: str) -> None:
    """RunError, with the command that goes on, where the run has not come to its `result` file."""
    if not (directory / result).exists():
        raise RunError(
            f"{directory}: the run has not finished; expected {result}, got only {_progress(directory, record)}. "
            f"Resume it, recorded images are skipped: {command_of(record)}"
        )


def command_of(record: AnyRecord) -> str:
    """The command line that began a run."""
    return shlex.join(record.command) or "repeat the command that started it"


def read_json(path: Path) -> Object:
    """The JSON object in `path`; RunError, with the line, where it is missing, damaged or something else."""
    try:
        found: Any = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["nothing"])[0]
        raise RunError(f"{path}: expected readable JSON, got: {reason}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return dict(found)


def _there(directory: Path) -> str:
    """What there is instead of a file in a directory, with the way on where it holds the parts of a run."""
    found = found_at(directory)
    if (directory / SHARDS).is_dir():
        return f"the parts of one, in {SHARDS}; `foolscape merge {shlex.quote(str(directory))}` makes the whole"
    return "none" if found == "a folder" else found


def read_object(path: Path, hint: str = "") -> Object:
    """The JSON object in `path`; RunError, with the `hint`, where it is missing, damaged or of another schema."""
    try:
        found = read_json(path)
    except RunError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise RunError(
                f"{path.parent}: expected a run directory with {path.name}, got {_there(path.parent)}. {hint}".rstrip()
            ) from error
        raise RunError(f"{error}. Resume or repeat the run.") from error
    check_schema(path, found)
    return found


def _of_whole_samples(directory: Path, record: RunRecord) -> StoredRows:
    """The rows of complete samples, as a run that is at work may have others."""
    return whole_rows(directory, record, record.conditions)


def _progress(directory: Path, record: AnyRecord) -> str:
    try:
        with open_file(directory / ROWS) as file:
            rows = sum(1 for line in file if line.strip())
    except OSError:
        rows = 0
    parts = len(parts_in(directory))
    if not rows and not parts:
        return f"{RUN} and no row"
    sealed = f" and {parts} Parquet parts" if parts else ""
    return f"{rows} row{'s' * (rows != 1)} of {ROWS}{sealed} for {len(record.samples)} images"
