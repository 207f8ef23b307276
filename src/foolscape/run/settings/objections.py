"""What pydantic objects to in a setting, as what is to be written instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

from annotated_types import Ge
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
}
"""By how pydantic calls its errors; what stands behind it tells why."""


def objection(kind: type[BaseModel], error: ValidationError) -> str:
    """Its first one to the settings of a `kind`."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{where}: is needed and was not given"
    wanted = _KINDS.get(first["type"].partition("_")[0])
    if first["type"] == "greater_than_equal":
        wanted = "a number"
    if wanted is None:
        words = first["msg"].lower().replace("input should be", "expected")
        return f"{where}: {words}, got {first['input']!r}"
    field = kind.model_fields.get(str(first["loc"][0]))
    least = None if field is None else next(_least(field), None)
    from_on = f" from {least} on" if least is not None and "number" in wanted else ""
    return f"{where}: expected {wanted}{from_on}, got {first['input']!r}"


def _least(hint: Any) -> Iterator[Any]:
    """The smallest values that a type allows."""
    if isinstance(hint, FieldInfo):
        yield from (one.ge for one in hint.metadata if isinstance(one, Ge))
        yield from _least(hint.annotation)
    for part in get_args(hint):
        yield from _least(part)
