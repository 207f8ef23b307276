"""What a store holds, as a tree of folders: nothing is asked of the store about a file that its listing told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias


class Entry(NamedTuple):
    """A file.

    Attributes:
        size: in bytes; -1 where the store does not tell.
        version: a text that is another one where the content is.
        problem: why it cannot be read; "" where it can.
    """

    size: int
    version: str
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder: files and folders by their names."""

    names: dict[str, Entry | Folder] = field(default_factory=dict)


Node: TypeAlias = Entry | Folder | None
"""What is at a place; None: nothing."""


class ClashError(ValueError):
    """Two files have one name, or a file has the name of a folder; the message is that name."""


def tree(entries: Iterable[tuple[Sequence[str], Entry]], folders: Iterable[Sequence[str]] = ()) -> Folder:
    """The tree of `entries` and `folders`, each with the parts of its path; raises `ClashError`."""
    root = Folder()
    for parts in folders:
        _enter(root, parts)
    for parts, entry in entries:
        names = _enter(root, parts[:-1]).names
        if parts[-1] in names:
            raise ClashError("/".join(parts))
        names[parts[-1]] = entry
    return root


def below(node: Node, parts: Sequence[str]) -> Node:
    """What is at the path `parts` below `node`."""
    for part in parts:
        if not isinstance(node, Folder):
            return None
        node = node.names.get(part)
    return node


def _enter(folder: Folder, parts: Sequence[str]) -> Folder:
    """The folder at `parts`, made where there is none."""
    for place, part in enumerate(parts, 1):
        found = folder.names.get(part)
        if found is None:
            found = folder.names[part] = Folder()
        elif isinstance(found, Entry):
            raise ClashError("/".join(parts[:place]))
        folder = found
    return folder
