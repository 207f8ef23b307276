"""What runs in stores have left on this machine: told by `foolscape status`, and let go once nobody needs it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from foolscape.errors import FoolscapeError
from foolscape.run.directory.lock import is_locked, release, reserve
from foolscape.run.elsewhere.home import Home, home_of, homes_here
from foolscape.run.elsewhere.owner import last_owner
from foolscape.stores.folder import StoreFolder, folder_at
from foolscape.stores.path import StorePath

OLD: Final = 7 * 86400.0
"""Seconds after which what is in the store, too, is kept no longer for a command that goes on."""


class Use(StrEnum):
    """Who needs what is left of a run, in words."""

    AT_WORK = "a command of this machine is at work in it"
    CARRIED = "all of it is in the store"
    AHEAD = "the store may lack some of it: the same command carries it up"
    FOREIGN = "the run went on elsewhere, so that it counts no more"
    UNKNOWN = "the store has no such run"


_IDLE: Final = (Use.CARRIED, Use.FOREIGN)


@dataclass(frozen=True)
class Leftover:
    """The folder of a run that was not finished on this machine.

    Attributes:
        folder: where it is.
        size: bytes of all that is in it.
        use: who needs it.
    """

    folder: Path
    size: int
    use: Use

    @property
    def goes(self) -> bool:
        """Whether it goes by itself: a later run in the same store lets it go when it is old."""
        return self.use in _IDLE


def leftover_of(path: StorePath) -> Leftover | None:
    """What this machine has of the run at `path`; None for nothing. Raises `StoreError`."""
    home = home_of(path)
    size, _ = _size_and_time(home.folder)
    if not size:
        return None
    return Leftover(home.folder, size, Use.AT_WORK if is_locked(home.folder) else _use_of(home, folder_at(path)))


def let_go_of_old(path: StorePath) -> None:
    """Let go what runs of the store of `path` have left here that is old and that nobody needs.

    The store is asked of each while its folder is locked, so that no command of this machine is at work in it; where
    the store gives no answer it stays.
    """
    for home in homes_here():
        if home.path.parts[:3] != path.parts[:3] or time.time() - _size_and_time(home.folder)[1] < OLD:
            continue
        with suppress(OSError, FoolscapeError):
            _let_go(home)


def _let_go(home: Home) -> None:
    if not reserve(home.folder):
        return
    try:
        if _use_of(home, folder_at(home.path)) in _IDLE:
            home.clear()
    finally:
        release(home.folder)


def _use_of(home: Home, folder: StoreFolder) -> Use:
    """Who needs a folder in which no command is at work."""
    owner = last_owner(folder)
    if owner is None:
        return Use.UNKNOWN
    if owner.token != home.token():  # as a driver would find, who reads the store then
        return Use.FOREIGN
    return Use.AHEAD if home.is_ahead else Use.CARRIED


def _size_and_time(folder: Path) -> tuple[int, float]:
    """The bytes of all that is in a folder, and when anything in it was written last."""
    size, newest = 0, 0.0
    for path in folder.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            size += 0 if path.is_dir() else status.st_size
            newest = max(newest, status.st_mtime)
    return size, newest
