"""What a data set says of an image beside its labels, such as the weather: an optional method of `Data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foolscape.errors import DataError

_LONGEST: Final = 80
_WHICH: Final = frozenset(
    ("id", "image_id", "img_id", "sample_id", "index", "idx", "uuid", "key", "name", "file", "file_name", "filename")
)
"""What says which image it is, and not what it is like; so do all that end in `url` or `path`."""


def attributes_of(data: object, sample_id: str) -> dict[str, str]:
    """What `data.attributes(sample_id)` says, as short texts by name; empty where the data set has no such method.

    A value that is no text, number or truth value, or longer than anything that slices are called, is left out.

    Raises:
        DataError: the method raises.
    """
    method = getattr(data, "attributes", None)
    try:
        found = method(sample_id) if callable(method) else None
    except Exception as error:
        raise DataError(
            f"expected attributes({sample_id!r}) of {type(data).__name__} to be a mapping, got "
            f"{type(error).__name__}: {error}; mend it, or leave the method out"
        ) from error
    return plain_attributes(found) if isinstance(found, Mapping) else {}


def plain_attributes(found: Mapping[object, object]) -> dict[str, str]:
    """Those of the values that are short, as texts, without what says which image it is."""
    return {
        str(name): text
        for name, value in found.items()
        if str(name).casefold() not in _WHICH and not str(name).casefold().endswith(("url", "path"))
        if isinstance(value, str | int | float) and 0 < len(text := _text(value)) <= _LONGEST
    }


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
