"""rows.jsonl: its one reader and its one writer. The truth of an image stands once, in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from foolscape.disk import read_file
from foolscape.errors import RunError
from foolscape.metrics.sample import Form
from foolscape.metrics.score import scores_of
from foolscape.records.conditions import CLEAN, FAILED
from foolscape.records.places import ONE_FOLDER, ROWS, RUNS, Kind, Layout
from foolscape.records.row import AnyRow, Failure, Line, Row
from foolscape.records.run import AnyRecord, ModelRecord, TransferRecord
from foolscape.records.schema import SCHEMA, check_schema
from foolscape.records.types import dumped, form_of, read, to_json

Key = tuple[str | None, str]
"""The model and the id of a sample."""

_PLAIN: Final[type[AnyRow]] = Row[None, None]
"""A row of an image that no model was asked about."""


@dataclass(frozen=True)
class Written:
    """A line as it stands in the file, and what it says."""

    text: str
    line: Line

    @property
    def key(self) -> Key:
        """Of its sample."""
        return self.line.model, self.line.id


@dataclass(frozen=True)
class Forms:
    """How the rows of a directory stand in its files.

    Attributes:
        models: by spec; rows of others hold nothing that was measured.
        inner: whether the truth lies in the models' own runs.
        layout: where the files of the samples lie.
    """

    models: Mapping[str, ModelRecord]
    inner: bool = False
    layout: Layout = ONE_FOLDER

    def kind(self, model: str | None) -> type[AnyRow]:
        """The type of a model's rows."""
        if model is None or model not in self.models:
            return _PLAIN
        form: Any = _form(self.models[model])
        kind: Any = Row
        found: type[AnyRow] = kind[form.truth, form.measured]
        return found

    def truth_place(self, directory: Path, model: str, name: str) -> str:
        """Where the truth of an image lies below the directory."""
        record = self.models[model]
        folder = f"{RUNS}/{record.slug}" if self.inner else ""
        place = self.layout.found(directory / folder, Kind.LABELS, name, record.truth or record.task)
        return f"{folder}/{place}" if folder else place


def forms_of(record: AnyRecord) -> Forms:
    """Of the rows of the directory that `record` is run.json of."""
    return Forms({model.model: model for model in record.models}, isinstance(record, TransferRecord), record.layout)


def line_bytes(line: Line, forms: Forms) -> bytes:
    """A line of rows.jsonl."""
    if isinstance(line, Failure):
        return dumped(to_json(Failure, line))
    return dumped(to_json(forms.kind(line.model), line))


def truth_bytes(task: str, truth: object) -> bytes:
    """The file of the truth of an image, in the data set's classes."""
    return dumped({"schema": SCHEMA, "truth": form_of(scores_of(task).form.truth).dump_python(truth)})


def read_content(directory: Path) -> bytes:
    """The content of rows.jsonl; empty if there is none. Raises `OSError`."""
    try:
        return read_file(directory / ROWS)
    except FileNotFoundError:
        return b""


def parsed(content: bytes, forms: Forms) -> tuple[list[Written], list[str]]:
    """The lines that are rows, without their truth, and what is wrong with the others."""
    lines, damaged = [], []
    # Not splitlines: an id or a reason may hold U+2028.
    *whole, torn = content.split(b"\n")
    for number, line in enumerate(whole, 1):
        try:
            lines.append(Written(line.decode(), _line(line, forms)))
        except (ValueError, RecursionError) as error:
            damaged.append(f"{ROWS}, line {number}: {(str(error).splitlines() or [type(error).__name__])[0][:160]}")
    return lines, [*damaged, *([f"{ROWS}, line {len(whole) + 1}: it breaks off"] if torn else [])]


def with_truths(directory: Path, lines: Sequence[Line], forms: Forms) -> tuple[list[Line], dict[Key, str]]:
    """The lines with the truth of each row, and by sample why there is none; those lines stay as they are."""
    clean: dict[Key, AnyRow] = {
        (line.model, line.id): line for line in lines if isinstance(line, Row) and line.condition == CLEAN
    }
    looked: dict[str, Any] = {}
    found: list[Line] = []
    faults: dict[Key, str] = {}
    for line in lines:
        if not isinstance(line, Row) or line.model not in forms.models:
            found.append(line)
            continue
        try:
            found.append(replace(line, truth=_truth(directory, line, clean, forms, looked)))
        except (OSError, ValueError, LookupError, RunError) as error:
            faults[line.model, line.id] = f"its truth cannot be read: {getattr(error, 'strerror', None) or error}"
            found.append(line)
    return found, faults


def read_rows(directory: Path, record: AnyRecord) -> tuple[Line, ...]:
    """All rows of a finished run; RunError, with the line, where one is damaged."""
    path, forms = directory / ROWS, forms_of(record)
    try:
        content = read_file(path)
    except OSError as error:
        raise RunError(f"{path}: expected rows, got: {error}. Resume or repeat the run.") from error
    lines, damaged = parsed(content, forms)
    found, faults = with_truths(directory, [one.line for one in lines], forms)
    if wrong := [*damaged, *(f"{name} on {model}: {fault}" for (model, name), fault in faults.items())]:
        raise RunError(
            f"{directory}: expected whole rows, got {wrong[0]}. The command that made the run measures its image again"
        )
    return tuple(found)


def whole_rows(directory: Path, record: AnyRecord, conditions: Iterable[str] | None = None) -> list[Line]:
    """The rows of samples that are wholly there, of a run that may be at work: nothing is cut off or repaired.

    Args:
        directory: of the run.
        record: run.json.
        conditions: of a complete sample; None: whole lines are enough.
    """
    forms = forms_of(record)
    lines, _ = parsed(read_content(directory), forms)
    if conditions is not None:
        lines = complete(lines, conditions)
    found, faults = with_truths(directory, [one.line for one in lines], forms)
    return [line for line in found if (line.model, line.id) not in faults]


def complete(lines: Sequence[Written], conditions: Iterable[str]) -> list[Written]:
    """The lines of samples with one row for each of the `conditions`, or one that says why not."""
    seen: dict[Key, list[str]] = {}
    for one in lines:
        seen.setdefault(one.key, []).append(one.line.condition)
    wanted = sorted(conditions)
    whole = {key for key, found in seen.items() if sorted(found) in ([FAILED], wanted)}
    return [one for one in lines if one.key in whole]


def _line(line: bytes, forms: Forms) -> Line:
    """The row in `line`; raises `ValueError` for anything else."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {type(found).__name__}")
    if found.get("condition") == FAILED:
        return read(Failure, found)
    model = found.get("model")
    return read(forms.kind(model if isinstance(model, str) else None), found)


def _form(model: ModelRecord) -> Form[Any, Any]:
    return scores_of(model.task).form


def _truth(directory: Path, row: AnyRow, clean: Mapping[Key, AnyRow], forms: Forms, looked: dict[str, Any]) -> Any:
    """What a row was measured against; raises whatever a file does that is not as it was written."""
    model = forms.models[row.model]
    form = _form(model)
    if form.truth is None:
        return None
    if model.channels is None:
        if (row.model, row.id) not in clean:
            raise ValueError("the clean row is missing, which stands for it")
        return form.standing_in(clean[row.model, row.id].measured)
    place = forms.truth_place(directory, row.model, row.id)
    if place not in looked:
        content = json.loads(read_file(directory / place))
        check_schema(directory / place, content)
        looked[place] = form_of(form.truth).validate_python(content["truth"])
    return form.in_classes(looked[place], model.channels)
