"""JSON of a data set, read so that nothing in it is dropped without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from foolscape.data import fields
from foolscape.errors import DataError
from foolscape.regular import MOST_JSON, read_bytes


def read_json(path: Path, expected: str) -> Any:
    """What is in the JSON file `path`, which holds what is `expected`.

    Raises:
        DataError: no such file, no JSON, or a field twice in one record with different values.
    """
    try:
        return json.loads(read_bytes(path, MOST_JSON), object_pairs_hook=record)
    except (OSError, ValueError, RecursionError) as error:
        digits = "set_int_max_str_digits" in str(error)
        got = "a number of more than 4,300 digits" if digits else str(error)
        raise DataError(f"{path}: expected {expected} in JSON, got {got}; download the file again") from None


def record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record of the JSON; raises `ValueError` where a field has two values, of which JSON's reader takes the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        for name, value in pairs:
            if value is not made[name] and value != made[name]:
                got = f"{fields.shown(value)} and {fields.shown(made[name])}"
                raise ValueError(f"two values of {fields.shown(name)} in one record ({got})")
    return made
