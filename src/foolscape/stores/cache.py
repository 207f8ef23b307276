"""The folder for what was fetched: each file once, the one that was not used for the longest time goes first.

Several processes may share it: a file is written under another name and renamed, and one that is removed can still be
read by whoever has opened it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from foolscape.errors import SettingError

FOLDER: Final = "FOOLSCAPE_CACHE"
BYTES: Final = "FOOLSCAPE_CACHE_BYTES"
"""The environment variables that say where the folder is and how much may be in it."""

_DEFAULT: Final = 8 << 30
_PART: Final = ".part-"
_ABANDONED: Final = 3600.0
"""Seconds after which a file that was begun belongs to nobody."""
_ROOM: Final = 0.9
"""How much of the bound may be left taken where room is made."""
_OFTEN: Final = 8
"""One part in so many of the bound is fetched before the folder is looked at again, for others write to it, too."""


@dataclass
class Cache:
    """A folder of fetched files.

    Attributes:
        folder: where they lie; made when it is needed.
        most: bytes that they may take.
        grace: seconds for which a file that was just asked for stays, so that it can be opened.
    """

    folder: Path
    most: int
    grace: float = 5.0
    _unseen: int = -1
    _taken: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str, name: str, size: int, fill: Callable[[BinaryIO], None]) -> Path:
        """The file for `key`, fetched by `fill` where it is not there.

        Args:
            key: another one for any other content.
            name: the file's name in the store, whose extension it keeps.
            size: in bytes; -1 where that is not known.
            fill: writes the content; raises `OSError` where that fails.

        Raises:
            OSError: as `fill`, no room, or more bytes than the bound.
        """
        extension = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
        path = self.folder / (hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest() + (extension or [""])[0])
        try:
            status = path.stat()
        except OSError:
            pass
        else:
            if size in (-1, status.st_size):
                os.utime(path)
                return path
        if size > self.most:
            raise too_large(size, self.most)
        self._write(path, size, fill)
        self._make_room(path.stat().st_size)
        return path

    def _write(self, path: Path, size: int, fill: Callable[[BinaryIO], None]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor, part = tempfile.mkstemp(prefix=_PART, dir=self.folder)
        except OSError as error:
            raise SettingError(
                f"expected a folder for fetched files that can be written to, got {error}; name another with {FOLDER}"
            ) from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                fill(file)
                got = file.tell()
            if size not in (-1, got):
                raise OSError(errno.EIO, f"{got:,} bytes instead of {size:,}")
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    def _make_room(self, added: int) -> None:
        """Remove what was not used for the longest time, where more than the bound is taken."""
        with self._lock:
            self._taken += added
            self._unseen = self._unseen + added if self._unseen >= 0 else self.most
            if self._taken <= self.most and self._unseen < self.most // _OFTEN:
                return
            now, found = time.time(), []
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:  # another process has removed it
                        continue
                    if entry.name.startswith(_PART) and now - status.st_mtime < _ABANDONED:
                        continue
                    if stat.S_ISREG(status.st_mode):  # runs of stores lie in folders beside
                        found.append((status.st_mtime, status.st_size, entry.path))
            self._taken, self._unseen = sum(size for _, size, _ in found), 0
            if self._taken <= self.most:
                return
            for used, size, place in sorted(found):
                if self._taken <= self.most * _ROOM or now - used < self.grace:
                    break
                Path(place).unlink(missing_ok=True)
                self._taken -= size


def too_large(size: int, most: int) -> OSError:
    """The error of a file that the cache does not hold."""
    return OSError(errno.EFBIG, f"{size:,} bytes, more than the {most:,} that are kept of fetched files; raise {BYTES}")


_CACHES: Final[dict[tuple[str, int], Cache]] = {}


def cache() -> Cache:
    """The cache that the environment names; raises `SettingError` for a bound that is no number."""
    text = os.environ.get(BYTES, "") or str(_DEFAULT)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 62):
        raise SettingError(f"expected {BYTES} to be a number of bytes, got {text!r}")
    folder = cache_folder()
    return _CACHES.setdefault((folder, int(text)), Cache(Path(folder), int(text)))


def cache_folder() -> str:
    """Where foolscape keeps what can be lost, as the environment says."""
    home = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")  # noqa: PTH111 - text, as the other
    return os.environ.get(FOLDER, "") or os.path.join(home, "foolscape")  # noqa: PTH118
