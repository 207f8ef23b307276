"""A line of rows.jsonl: its one reader and its one writer. The truth of an image stands once, in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from foolscape.disk import read_file
from foolscape.errors import RunError
from foolscape.metrics.sample import Form
from foolscape.metrics.score import scores_of
from foolscape.records.conditions import CLEAN, FAILED
from foolscape.records.places import ONE_FOLDER, RUNS, Kind, Layout
from foolscape.records.row import AnyRow, Failure, Line, Row
from foolscape.records.run import AnyRecord, TransferRecord
from foolscape.records.schema import SCHEMA, check_schema
from foolscape.records.subjects import ModelRecord
from foolscape.records.types import dumped, form_of, read, to_json

Key = tuple[str | None, str]
"""The model and the id of a sample."""

_OUTLINE: Final[type[AnyRow]] = Row[Any, Any]
_PLAIN: Final[type[AnyRow]] = Row[None, None]
"""A row of an image that no model was asked about."""


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
        return _PLAIN if model is None else self._kinds.get(model, _PLAIN)

    def form(self, model: str) -> Form[Any, Any]:
        """Of what a model's rows are measured."""
        return self._forms[model]

    @cached_property
    def _forms(self) -> Mapping[str, Form[Any, Any]]:
        return {spec: scores_of(model.task).form for spec, model in self.models.items()}

    @cached_property
    def _kinds(self) -> Mapping[str, type[AnyRow]]:
        kind: Any = Row
        return {spec: kind[form.truth, form.measured] for spec, form in self._forms.items()}

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


def with_truths(directory: Path, lines: Sequence[Line], forms: Forms) -> tuple[list[Line], dict[Key, str]]:
    """The lines with the truth of each row, and by sample why there is none; those lines stay as they are."""
    clean: dict[Key, AnyRow] = {
        (line.model, line.id): line for line in lines if isinstance(line, Row) and line.condition == CLEAN
    }
    truths = _Truths(directory, clean, forms)
    found: list[Line] = []
    faults: dict[Key, str] = {}
    for line in lines:
        if not isinstance(line, Row) or line.model not in forms.models:
            found.append(line)
            continue
        try:
            found.append(line.against(truths.of(line)))
        except (OSError, ValueError, LookupError, RunError) as error:
            faults[line.model, line.id] = f"its truth cannot be read: {getattr(error, 'strerror', None) or error}"
            found.append(line)
    return found, faults


def line_in(line: bytes, forms: Forms) -> Line:
    """The row in `line`; raises `ValueError` for anything else."""
    return _line_in(line, forms.kind)


def outline_in(line: bytes) -> Line:
    """As `line_in`, but what was measured is as JSON has it: that takes most of the time."""
    return _line_in(line, _outline)


def _line_in(line: bytes, kind: Callable[[str | None], type[AnyRow]]) -> Line:
    found = _json(line)
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {type(found).__name__}")
    if found.get("condition") == FAILED:
        return read(Failure, found)
    model = found.get("model")
    return read(kind(model if isinstance(model, str) else None), found)


def _outline(model: str | None) -> type[AnyRow]:
    del model
    return _OUTLINE


def _json(content: bytes) -> Any:
    """What JSON holds; raises `ValueError`. Python's own reader takes code points that are no characters, too."""
    try:
        return from_json(content)
    except ValueError:
        return json.loads(content)


@dataclass
class _Truths:
    """What rows of a few samples were measured against, read once for all that share it."""

    directory: Path
    clean: Mapping[Key, AnyRow]
    forms: Forms
    _read: dict[str, Any] = field(default_factory=dict)
    _found: dict[Key, Any] = field(default_factory=dict)

    def of(self, row: AnyRow) -> Any:
        """In the classes of the row's model; raises whatever a file does that is not as it was written."""
        key = row.model, row.id
        if key not in self._found:
            self._found[key] = self._truth(row)
        return self._found[key]

    def _truth(self, row: AnyRow) -> Any:
        model = self.forms.models[row.model]
        form = self.forms.form(model.model)
        if form.truth is None:
            return None
        if model.channels is None:
            if (row.model, row.id) not in self.clean:
                raise ValueError("the clean row is missing, which stands for it")
            return form.standing_in(self.clean[row.model, row.id].measured)
        place = self.forms.truth_place(self.directory, row.model, row.id)
        if place not in self._read:
            content = _json(read_file(self.directory / place))
            check_schema(self.directory / place, content)
            self._read[place] = form_of(form.truth).validate_python(content["truth"])
        return form.in_classes(self._read[place], model.channels)
