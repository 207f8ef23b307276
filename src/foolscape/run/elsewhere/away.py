"""Who carries the files of a run: they come when they are read, and what is written goes to the store."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from foolscape.run.elsewhere.changes import Changed
from foolscape.run.elsewhere.home import Home
from foolscape.run.elsewhere.mirror import Mirror
from foolscape.stores.folder import StoreFolder
from foolscape.stores.path import StorePath

_MAKING: Final[ContextVar[Driver | None]] = ContextVar("making", default=None)
"""Whose run is made here."""


class Away:
    """What a carrier does of reading: `carriers.Carrier` is the rest."""

    def __init__(self, path: StorePath, folder: StoreFolder, local: Path, away: Mapping[str, int]) -> None:
        self._home, self._local, self.folder = path, local, folder
        self._away = dict(away)
        self._reading = threading.RLock()

    @property
    def local(self) -> Path:
        """The folder of this machine."""
        return self._local

    @property
    def home(self) -> Path:
        """The address of the run."""
        return self._home

    def size_there(self, place: str) -> int | None:
        """The bytes of a file that is in the store alone."""
        return self._away.get(place)

    def bring(self, place: str) -> None:
        """Fetch a file that is in the store alone; raises `OSError`."""
        if place not in self._away:
            return
        with self._reading:
            size = self._away.get(place)
            if size is None:
                return
            path = self._local / place
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.folder.fetch(place, size, path)
            except FileNotFoundError:
                self._away.pop(place, None)
                raise FileNotFoundError(errno.ENOENT, "not in the store any more", str(path)) from None
            self._away.pop(place, None)

    def not_here(self) -> list[str]:
        """The places of all that is in the store alone."""
        return list(self._away)

    def forget(self, place: str) -> None:
        """A file was written here, or removed."""
        self._away.pop(place, None)


class Driver(Away):
    """The carrier of a driver."""

    def __init__(self, home: Home, mirror: Mirror, away: dict[str, int]) -> None:
        super().__init__(home.path, mirror.folder, home.local, away)
        self._mirror = mirror

    def wrote(self, place: str) -> None:
        """See `carriers.Carrier`."""
        self.forget(place)
        self._mirror.changed.wrote(place)
        self._refuse_lost()

    def grew(self, place: str, begin: int, size: int) -> None:
        """See `carriers.Carrier`."""
        self._mirror.changed.grew(place, begin, size)
        self._refuse_lost()

    def removed(self, place: str) -> None:
        """See `carriers.Carrier`."""
        self.forget(place)
        self._mirror.changed.removed(place)

    @contextmanager
    def making(self) -> Iterator[None]:
        """What is done within it, by whatever thread that has its context, makes the run."""
        before = _MAKING.set(self)
        try:
            yield
        finally:
            _MAKING.reset(before)

    def _refuse_lost(self) -> None:
        """A run that another driver has taken over ends where it is made, and not in a thread that watches it."""
        if _MAKING.get() is self:
            self._mirror.claim.refuse_lost()


class Reader(Away):
    """The carrier of one who reads a run, and may write about it."""

    def __init__(self, path: StorePath, folder: StoreFolder, local: Path, away: dict[str, int]) -> None:
        super().__init__(path, folder, local, away)
        self.changed = Changed(local)

    def wrote(self, place: str) -> None:
        """See `carriers.Carrier`."""
        self.forget(place)
        self.changed.wrote(place)

    def grew(self, place: str, begin: int, size: int) -> None:
        """See `carriers.Carrier`; rows are their driver's alone."""
        del place, begin, size

    def removed(self, place: str) -> None:
        """See `carriers.Carrier`."""
        self.forget(place)
        self.changed.removed(place)
