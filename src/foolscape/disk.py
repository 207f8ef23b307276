"""Every file of a run directory is written and read here, so that none is lost or torn by a power cut or a full disk.

What was written is on the disk, whole and under its name, when a function returns: the file is synced, renamed, and
the folder that holds the name is synced too. Nothing is written through a symbolic link below the directory, and
nothing but regular files is read, for a pipe or a device in the place of a file has no end.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from foolscape import carriers
from foolscape.errors import UnwritableError
from foolscape.in_place import unwritable

PART: Final = ".part"
"""How the names of files end that are being written; they begin with a dot."""

_PIECE: Final = 1 << 20
"""Bytes that small pieces of a file are gathered to before they are written."""

_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_COMMON: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Without waiting for whoever holds the other end of a pipe."""

_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
"""What file systems answer that cannot sync a folder."""


@contextlib.contextmanager
def in_words(directory: Path) -> Iterator[None]:
    """What the operating system refuses within it becomes an `UnwritableError` that says what to do."""
    try:
        yield
    except OSError as error:
        raise UnwritableError(unwritable(directory, error)) from error


def write_file(directory: Path, place: str, content: bytes) -> Path:
    """Write `content` to `place` below `directory`: all of it or nothing, also after a power cut.

    A link in the place of the file is replaced, and what it points to stays as it is.

    Returns:
        The path.

    Raises:
        UnwritableError: it cannot be written, or a folder of `place` is a symbolic link; nothing half written is left.
    """
    return write_with(directory, place, lambda file: _all_into(file, content))


def write_passing(directory: Path, place: str, content: bytes) -> Path:
    """Write what is soon written again: all of it or nothing for whoever reads, but after a power cut perhaps nothing.

    It does not wait for the disk, so that it may be called every second.

    Returns:
        The path.

    Raises:
        UnwritableError: as of `write_file`.
    """
    return _replaced(directory, place, lambda file: _all_into(file, content), lasting=False)


def append_file(directory: Path, place: str, content: bytes) -> int:
    """Add `content` to the end of the file at `place` below `directory`, and make sure that it is on the disk.

    Returns:
        How long the file was before.

    A file that has other names (hard links), as a copy made to be kept may have, gets a body of its own first.

    Raises:
        UnwritableError: as of `write_file`; the file is as long as before, as far as that can be done.
    """
    with in_words(directory):
        path = _below(directory, place)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _NO_FOLLOW | _COMMON, 0o666)
        try:
            about = _regular(descriptor, path)
            shared = about.st_nlink > 1
            if not shared:
                _append(descriptor, content, about.st_size)
        finally:
            os.close(descriptor)
        if not shared and about.st_size == 0:  # it may be new
            sync_folder(path.parent)
    if shared:
        write_file(directory, place, read_file(path) + content)
    else:
        carriers.grew(path, about.st_size, len(content))
    return about.st_size


def read_file(path: Path) -> bytes:
    """What is in the regular file at `path`; raises `OSError` for anything else, without waiting for it."""
    with open_file(path) as file:
        return file.read()


def open_file(path: Path) -> IO[bytes]:
    """The regular file at `path`, open to be read from any place in it; raises `OSError` as `read_file`."""
    carriers.bring(path)
    descriptor = os.open(path, os.O_RDONLY | _COMMON)
    try:
        _regular(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def write_pieces(directory: Path, place: str, pieces: Iterable[bytes]) -> Path:
    """As `write_file`, of content that comes piece by piece."""

    def write(file: IO[bytes]) -> None:
        for piece in pieces:
            file.write(piece)

    return write_with(directory, place, write)


def write_with(directory: Path, place: str, write: Callable[[IO[bytes]], None]) -> Path:
    """As `write_file`, of what `write` writes to a file that is open."""
    return _replaced(directory, place, write, lasting=True)


def _replaced(directory: Path, place: str, write: Callable[[IO[bytes]], None], *, lasting: bool) -> Path:
    """The path of a file that is now what `write` writes, or what it was."""
    with in_words(directory):
        path = _below(directory, place)
        temporary = path.with_name(f".{path.name}.{os.getpid()}{PART}")
        try:
            _write_new(temporary, write, lasting=lasting)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        if lasting:
            sync_folder(path.parent)
    carriers.wrote(path)
    return path


def open_lock(path: Path) -> IO[bytes]:
    """The file at `path`, made if it is missing, open to be locked; nothing is written to it, nor to what it links to.

    Raises:
        OSError: it is a link, or no regular file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _COMMON, 0o666)
    try:
        _regular(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "r+b", buffering=0)


def make_folder(path: Path) -> None:
    """Make the folder `path` and those above it that are missing, each with its name on the disk; raises `OSError`."""
    missing = []
    above = path
    while not above.is_dir():
        missing.append(above)
        above = above.parent
    for folder in reversed(missing):
        _make(folder)


def remove_file(path: Path) -> None:
    """Remove the file at `path`, if there is one; a later `write_file` beside it makes that last."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    carriers.removed(path)


def is_there(path: Path) -> bool:
    """Whether there is a file at `path`, if need be where the run in its folder comes from."""
    return path.exists() or carriers.size_there(path) is not None


def sync_folder(path: Path) -> None:
    """Make sure that the names in the folder `path` are on the disk, where the system can do that."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def digest(content: bytes) -> tuple[int, str]:
    """The size and the sha256 of a file, as a row names it."""
    return len(content), hashlib.sha256(content).hexdigest()


def _below(directory: Path, place: str) -> Path:
    """The path of `place` below `directory`, its folders made; raises `OSError` where one of them is a link."""
    make_folder(directory)
    *folders, name = Path(place).parts
    path = directory
    for part in folders:
        path = path / part
        if path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        if not path.is_dir():
            _make(path)
    return path / name


def _make(folder: Path) -> None:
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not folder.is_dir():  # else another process was faster
            raise
    sync_folder(folder.parent)


def _all_into(file: IO[bytes], content: bytes) -> None:
    file.write(content)


def _write_new(path: Path, write: Callable[[IO[bytes]], None], *, lasting: bool = True) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _COMMON
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:  # left by a killed process of the same number
        os.unlink(path)
        descriptor = os.open(path, flags, 0o666)
    try:
        with io.BufferedWriter(_Raw(descriptor), _PIECE) as file:
            write(file)
            file.flush()
            if lasting:
                os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Raw(io.RawIOBase):
    """What is written goes to a descriptor, which stays open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def write(self, content: Any) -> int:
        """All of `content`."""
        _write(self._descriptor, content)
        return memoryview(content).nbytes


def _append(descriptor: int, content: bytes, size: int) -> None:
    try:
        _write(descriptor, content)
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _write(descriptor: int, content: bytes | memoryview) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _regular(descriptor: int, path: Path) -> os.stat_result:
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return about
