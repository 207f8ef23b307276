"""What is in an archive, of whatever kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

from foolscape.errors import DataError
from foolscape.stores.entries import ClashError, Entry, Folder, tree

LZMA_DAMAGE: tuple[type[Exception], ...] = ()
"""What is raised where data are damaged that were packed by lzma; nothing in a Python that was built without it."""

with suppress(ImportError):
    import lzma

    LZMA_DAMAGE = (lzma.LZMAError,)

Parts: TypeAlias = tuple[str, ...]
"""The path of a member, by its parts."""

Copy: TypeAlias = Callable[[Parts, BinaryIO], None]
"""Writes the member at a path into a file; raises `OSError` where it cannot be read."""


@dataclass(frozen=True)
class Archive:
    """An archive.

    Attributes:
        identity: a text that is another one where the archive is.
        tree: its members.
        copy: reads one of them.
    """

    identity: str
    tree: Folder
    copy: Copy


def parts_of(name: str, where: str) -> Parts:
    """The parts of a member's `name`; raises `DataError` for one that leads out of the archive `where`."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\0" in name or re.match(r"[A-Za-z]:[/\\]", name):
        raise DataError(
            f"{where}: expected members inside the archive, got one called {name!r}; make the archive again"
        )
    return parts


def tree_of(members: Iterable[tuple[Parts, Entry]], folders: Iterable[Sequence[str]], where: str) -> Folder:
    """The tree of the `members` of the archive `where`; raises `DataError` if two share a name."""
    try:
        return tree(members, folders)
    except ClashError as error:
        raise DataError(
            f"{where}: expected members of different names, got two called {error}; make the archive again"
        ) from None


def damaged(where: str, error: object) -> DataError:
    """The error of an archive that cannot be listed."""
    return DataError(f"{where}: expected an archive that is whole, got {error}; copy or download it again")
