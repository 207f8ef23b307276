"""Who carries the files of a directory elsewhere: is told of all that is written to it, and brings what is not here.

A run that lies in a store is made, and read, in a folder of this machine. `disk.py`, through which all of its files go,
tells here what becomes of them; where nobody carries anything that is a look at an empty list.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol


class Carrier(Protocol):
    """Carries the files of a folder of this machine to where they belong. All methods may be called by any thread."""

    @property
    def local(self) -> Path:
        """The folder."""
        ...

    @property
    def home(self) -> Path:
        """Where its files belong, as its user calls it."""
        ...

    def wrote(self, place: str) -> None:
        """The file at `place` below the folder is new, or another one; may raise what ends the command."""
        ...

    def grew(self, place: str, begin: int, size: int) -> None:
        """`size` bytes were added to the file at `place`, from `begin` on; may raise what ends the command."""
        ...

    def removed(self, place: str) -> None:
        """The file at `place` is to be no more."""
        ...

    def size_there(self, place: str) -> int | None:
        """How large the file at `place` is, which is not here but there; None where it is not."""
        ...

    def bring(self, place: str) -> None:
        """Bring the file at `place`, if it is there and not here; raises `OSError` where that fails."""
        ...

    def not_here(self) -> list[str]:
        """The places of all files that are there and not here."""
        ...


_CARRIERS: Final[list[Carrier]] = []


@contextmanager
def carried_by(carrier: Carrier) -> Iterator[None]:
    """Within it `carrier` is told of its folder."""
    begin(carrier)
    try:
        yield
    finally:
        end(carrier)


def begin(carrier: Carrier) -> None:
    """From now on `carrier` is told of its folder."""
    _CARRIERS.append(carrier)


def end(carrier: Carrier) -> None:
    """`carrier` is told no more."""
    if carrier in _CARRIERS:
        _CARRIERS.remove(carrier)


def wrote(path: Path) -> None:
    """The file at `path` is new, or another one."""
    if (found := _at(path)) is not None:
        found[0].wrote(found[1])


def grew(path: Path, begin: int, size: int) -> None:
    """`size` bytes were added to the file at `path`, which had `begin`."""
    if (found := _at(path)) is not None:
        found[0].grew(found[1], begin, size)


def removed(path: Path) -> None:
    """The file at `path` was removed, or is to be no more where it belongs."""
    if (found := _at(path)) is not None:
        found[0].removed(found[1])


def size_there(path: Path) -> int | None:
    """How large the file at `path` is, where it is not here but where its folder comes from."""
    found = _at(path)
    return None if found is None else found[0].size_there(found[1])


def bring(path: Path) -> None:
    """Bring the file at `path`, if that is known to be elsewhere; raises `OSError`."""
    if (found := _at(path)) is not None:
        found[0].bring(found[1])


def not_here(directory: Path) -> list[str]:
    """The places below `directory` of files that are where it comes from and not here."""
    found = _at(directory)
    if found is None:
        return []
    carrier, place = found
    inside = "" if place == "." else f"{place}/"
    return [name.removeprefix(inside) for name in carrier.not_here() if name.startswith(inside)]


def shown_as(path: Path) -> Path:
    """`path` as a user knows it: where it belongs, if somebody carries it."""
    found = _at(path)
    return path if found is None else found[0].home / found[1]


def here(path: Path) -> Path:
    """The file or folder of this machine that `path` is, where a folder that it lies in is carried; else `path`."""
    for carrier in _CARRIERS:
        if path.is_relative_to(carrier.home):
            return carrier.local.joinpath(*path.parts[len(carrier.home.parts) :])
    return path


def _at(path: Path) -> tuple[Carrier, str] | None:
    for carrier in _CARRIERS:
        if path.is_relative_to(carrier.local):
            return carrier, path.relative_to(carrier.local).as_posix()
    return None
