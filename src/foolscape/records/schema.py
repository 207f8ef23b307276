"""The number of the form that a run's files have, and how one of another form is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from foolscape.errors import RunError

SCHEMA: Final = 2
"""Of every file of a run's directory that has a `schema`. It is raised where files cannot be read as before."""

_READ_BY: Final[Mapping[object, str]] = {1: "0.1.0"}
"""The version of foolscape that reads an earlier schema."""


def check_schema(path: Path, found: Mapping[str, Any]) -> None:
    """`RunError` where the object in the file at `path` is not of our schema, with the version that reads it."""
    schema = found.get("schema")
    if schema == SCHEMA and not isinstance(schema, bool):
        return
    got = "no schema" if schema is None else f"schema {schema!r}"
    earlier = _READ_BY.get(schema) if isinstance(schema, int) and not isinstance(schema, bool) else None
    if earlier is not None:
        advice = f"foolscape {earlier} reads it (pip install foolscape=={earlier}); or repeat the run in another --out"
    elif isinstance(schema, int) and schema > SCHEMA:
        advice = f"a later version of foolscape reads it, such as {found.get('foolscape', 'the one that wrote it')}"
    else:
        advice = "that is no file of a run; repeat the run in another --out"
    raise RunError(f"{path}: expected schema {SCHEMA}, got {got}: {advice}")
