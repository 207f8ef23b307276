"""The photographs below a folder, and what lies beside them: every file is taken, or counted with an example."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from foolscape.data.files import IMAGE_EXTENSIONS, readable
from foolscape.data.listing import plain_files, walked
from foolscape.errors import DataError
from foolscape.paths import real
from foolscape.regular import is_regular

_RESULTS: Final = ("rows.jsonl", "summary.json", "training.json", "runs", "clean", ".lock")
"""What lies beside run.json in a directory that foolscape has written."""


@dataclass(frozen=True)
class FolderListing:
    """What is below a folder.

    Attributes:
        images: the image files, relative to it and sorted.
        others: the other files by their kind: an extension, hidden, no extension, no regular file.
        folders: the folders that were left out, by the reason.
    """

    images: list[Path]
    others: dict[str, list[str]]
    folders: dict[str, list[str]]

    @property
    def left_out(self) -> str:
        """How many other files there are of each kind, with one of them; "" for none."""
        return ", ".join(f"{len(names)} {kind} ({names[0]})" for kind, names in sorted(self.others.items()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        total = sum(map(len, self.others.values()))
        return (
            *([f"{total} files that are no images left out: {self.left_out}"] if total else []),
            *(f"{len(names)} {reason} left out: {_listed(names)}" for reason, names in sorted(self.folders.items())),
        )


@dataclass
class _Walk:
    """A walk that goes on; `seen` holds device and number of every folder that it has been in."""

    root: Path
    images: list[Path] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    folders: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    seen: set[tuple[int, int]] = field(default_factory=set)
    links: list[Path] = field(default_factory=list)

    def leave(self, path: Path, reason: str) -> None:
        self.folders[reason].append(self.name(path))

    def name(self, path: Path) -> str:
        return readable(path.relative_to(self.root).as_posix())


def walk(root: Path, *, recursive: bool) -> FolderListing:
    """The image files below `root`, also through links to folders, each folder once.

    Hidden files (a leading dot) count among the others: `._photo.jpg` on a disk from a Mac is no photograph. Hidden
    folders are not entered, nor are those in which foolscape has written results, such as the run's own.

    Raises:
        DataError: a folder cannot be listed.
    """
    on = _Walk(root)
    _enter(on, root, recursive=recursive)
    # Folders first, then links: an image keeps its own name where a link leads to it, too.
    while on.links:
        links, on.links = on.links, []
        for path in sorted(links):
            _follow(on, path)
    return FolderListing(sorted(on.images, key=str), dict(on.others), dict(on.folders))


def _enter(on: _Walk, top: Path, *, recursive: bool = True) -> None:
    """List `top` and all below it but for links to folders, which are remembered."""

    def refuse(error: OSError) -> None:
        raise DataError(f"expected a folder that can be listed, got {error}; check its permissions") from error

    for directory, below, names in walked(top, refuse):
        status = directory.stat()
        if (status.st_dev, status.st_ino) in on.seen:  # a folder that a link led to before
            below.clear()
            continue
        on.seen.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if _is_to_enter(on, directory / name)) if recursive else []
        inside, plain = directory.relative_to(on.root), plain_files(directory)
        for name in sorted(names):
            _take(on, directory, inside, name, is_plain=name in plain)


def _is_to_enter(on: _Walk, path: Path) -> bool:
    """Whether a folder is entered at once; links wait, and others are left out."""
    if path.name.startswith("."):
        on.leave(path, "hidden folders")
    elif path.is_symlink():
        on.links.append(path)
    elif _holds_results(path):
        on.leave(path, "folders with results of foolscape")
    else:
        return True
    return False


def _follow(on: _Walk, path: Path) -> None:
    """Enter the folder that the link `path` leads to, unless it was entered, or holds a folder that is being read."""
    there = real(path)
    status = there.stat()
    if (status.st_dev, status.st_ino) in on.seen:
        on.leave(path, "links to folders that are read already")
    elif there in real(path.parent).parents or there in real(on.root).parents:
        on.leave(path, "links to a folder around this one")
    elif _holds_results(there):
        on.leave(path, "folders with results of foolscape")
    else:
        _enter(on, path)


def _holds_results(folder: Path) -> bool:
    return (folder / "run.json").is_file() and any((folder / name).exists() for name in _RESULTS)


def _take(on: _Walk, directory: Path, inside: Path, name: str, *, is_plain: bool) -> None:
    """Count the file `name` in `directory`, which is `inside` the root, as an image or as something else.

    A link to nothing is an image that cannot be read.
    """
    extension = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path costs ten times as much
    if name.startswith("."):
        kind = "hidden"
    elif extension not in IMAGE_EXTENSIONS:
        kind = readable(extension) or "no extension"
    elif not is_plain and not is_regular(directory / name) and (directory / name).exists():
        kind = "no regular file"
    else:
        on.images.append(inside / name)
        return
    on.others[kind].append(on.name(directory / name))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
