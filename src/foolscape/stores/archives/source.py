"""The bytes of an archive, wherever it lies, as a file that can be read from any place on."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, Final, Protocol

_BUFFER: Final = 1 << 20
"""Bytes that are asked for at once at least: an image and its neighbours."""


class Source(Protocol):
    """A file of `size` bytes; `read` gives those from `start` to `end`, or raises `OSError`."""

    @property
    def size(self) -> int: ...
    def read(self, start: int, end: int) -> bytes: ...


@dataclass(frozen=True)
class FileSource:
    """A file of this machine.

    Attributes:
        place: where it is, asked at each reading, as the cache may have to fetch it again.
        size: in bytes.
        modified: when, in nanoseconds, where it may be changed by others.
    """

    place: Callable[[], Path]
    size: int
    modified: int | None = None

    def read(self, start: int, end: int) -> bytes:
        """The file is opened each time, so that processes that were forked have no place in it together."""
        with self.place().open("rb", buffering=0) as file:
            if self.modified not in (None, os.fstat(file.fileno()).st_mtime_ns):
                raise OSError(errno.ESTALE, "changed since it was listed")
            content = os.pread(file.fileno(), end - start, start)
        if len(content) != end - start:
            raise OSError(errno.EIO, f"{len(content):,} bytes instead of {end - start:,}: it ends early")
        return content


@dataclass(frozen=True)
class PartSource:
    """A file in a store, of which a part is asked for at a time."""

    ask: Callable[[int, int], bytes]
    size: int

    def read(self, start: int, end: int) -> bytes:
        """Raises as the store does."""
        return self.ask(start, end)


class _Raw(RawIOBase):
    """A `Source` as a file; `failure` is why it could not be read, which `zipfile` keeps to itself."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + (0, self._at, self._source.size)[whence]
        if at < 0:
            raise OSError(errno.EINVAL, "a place before the beginning")
        self._at = at
        return at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._source.size)
        if end <= self._at:
            return 0
        try:
            content = self._source.read(self._at, end)
        except OSError as error:
            self.failure = error
            raise
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def opened(source: Source) -> BufferedReader:
    """`source` as a file."""
    return BufferedReader(_Raw(source), _BUFFER)


def check_read(file: BufferedReader) -> None:
    """Raise the `OSError` for which an `opened` file could not be read, if there was one: the archive is no worse."""
    if isinstance(file.raw, _Raw) and file.raw.failure is not None:
        raise file.raw.failure
