"""What is in a folder, as its listing tells, on this machine or in a store: nothing is asked about each file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from foolscape.stores.entries import Entry
from foolscape.stores.path import StorePath


def walked(top: Path, onerror: Callable[[OSError], None] | None = None) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder from `top` on, with the names of the folders and of the files in it, as `os.walk` has it."""
    if not isinstance(top, StorePath):
        for folder, below, names in os.walk(top, onerror=onerror):
            yield Path(folder), below, names
        return
    inside = top.names()
    folders = [name for name, node in inside.items() if not isinstance(node, Entry)]
    yield top, folders, [name for name, node in inside.items() if isinstance(node, Entry)]
    for name in folders:
        yield from walked(top / name, onerror)


def plain_files(folder: Path) -> set[str]:
    """The regular files in a folder, links not among them."""
    if isinstance(folder, StorePath):
        return {name for name, node in folder.names().items() if isinstance(node, Entry)}
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}


def names_in(folder: Path) -> list[str]:
    """The names in a folder, in no order."""
    return list(folder.names()) if isinstance(folder, StorePath) else os.listdir(folder)  # noqa: PTH208


def sizes_in(folder: Path) -> dict[str, int]:
    """The names in a folder with their sizes in bytes, hidden ones left out; -1 for what is no file.

    A store that does not tell the size of a file gives 1.
    """
    if isinstance(folder, StorePath):
        inside = folder.names().items()
        sizes = {name: abs(node.size) if isinstance(node, Entry) else -1 for name, node in inside}
        return {name: size for name, size in sizes.items() if not name.startswith(".")}
    with os.scandir(folder) as entries:
        return {entry.name: _size(entry) for entry in entries if not entry.name.startswith(".")}


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size if entry.is_file() else -1
    except OSError:
        return -1
