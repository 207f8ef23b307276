"""The files of a folder that are in the store alone: they come when they are read."""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping
from pathlib import Path

from foolscape.stores.folder import StoreFolder
from foolscape.stores.path import StorePath


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
