"""How large images are, as far as a data set can tell without decoding them: those of one size share batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from foolscape.data.apart import can_be_read_apart
from foolscape.data.images import read_header

_TABLES: Final = ("images", "paths", "pairs", "entries")
"""What data sets call the table of their files by sample id: that of an image, or it and others."""


def image_size(data: object, sample_id: str) -> tuple[int, int] | None:
    """(H, W) of a sample; None where that is not known without decoding it, or fetching it from a store.

    A list of the data set tells, or the head of a file.
    """
    method = getattr(data, "image_size", None)
    if callable(method):
        size: tuple[int, int] | None = method(sample_id)
        return size
    if (source := getattr(data, "source", None)) is not None:
        return image_size(source, sample_id)
    for name in _TABLES:
        files = getattr(data, name, None)
        found: Any = files.get(sample_id) if isinstance(files, Mapping) else None
        path = found[0] if isinstance(found, tuple) else found
        if type(path) is type(Path()):  # a file of a store is no plain path
            header = read_header(path)
            return None if header is None else header[0]
    return None


def by_size(data: object, ids: Sequence[str]) -> list[str]:
    """The `ids` with those of one size behind one another, sizes in the order in which they first occur.

    What a user handed over is asked for nothing, and keeps its order.
    """
    if not can_be_read_apart(data):
        return list(ids)
    groups: dict[tuple[int, int] | None, list[str]] = {}
    for name in ids:
        groups.setdefault(image_size(data, name), []).append(name)
    return [name for group in groups.values() for name in group]
