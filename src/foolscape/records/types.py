"""Types that the records share, and how a record becomes JSON and comes back from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import ConfigDict, PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from foolscape.records.conditions import Condition

R = TypeVar("R")

CLOSED: Final = ConfigDict(extra="forbid")
"""A record has the keys that it names and no others."""

Object = dict[str, Any]
"""A JSON object of whose keys a record says nothing: settings of a user's, findings of a check."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {value!r}"[:100])
    return value


def _condition(value: object) -> Condition:
    return Condition(_text(value))


Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]
"""A text of any code points: names of files need not be UTF-8."""

ConditionText = Annotated[
    Condition, PlainValidator(_condition), PlainSerializer(str), WithJsonSchema({"type": "string"})
]

FileHash = tuple[int, str]
"""Size and sha256 of a file."""

Files = dict[Text, FileHash]
"""Of the files that belong to a row, by place below the directory."""


def form_of(kind: Any) -> TypeAdapter[Any]:
    """What checks, reads and writes records of this type."""
    return _form(kind)


@cache
def _form(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read(kind: type[R], found: object) -> R:
    """The record that JSON holds; raises `ValueError`, in one line, for anything else."""
    try:
        record: R = form_of(kind).validate_python(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place + ': ' if place else ''}{first['msg']}, got {_shortly(first['input'])}") from error
    return record


def to_json(kind: type[R], record: R) -> Object:
    """A record as JSON holds it: what has its default is left out."""
    found: Object = form_of(kind).dump_python(record, exclude_defaults=True)
    return found


def dumped(record: Mapping[str, Any], indent: int | None = None) -> bytes:
    """A JSON object and a line break; NaN is refused, a name that is no UTF-8 is written by its code points."""
    try:
        return (json.dumps(record, indent=indent, allow_nan=False, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(record, indent=indent, allow_nan=False) + "\n").encode()


def _shortly(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
