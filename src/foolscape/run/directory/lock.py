"""The lock of a run directory: one process at a time, if need be from the moment its place is chosen."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from foolscape.disk import PART, in_words, make_folder, open_lock
from foolscape.errors import RunError
from foolscape.paths import real
from foolscape.records.places import LIVE, PROGRESS, RUN, SHARDS

LOCK: Final = ".lock"
"""The name of the locked file; the lock is the operating system's and ends with the process that holds it."""

_RESERVED: Final[dict[Path, IO[bytes]]] = {}
"""Directories that this process has reserved and not begun to work in, and their locked files."""

_HELD: Final[set[Path]] = set()
"""Directories that stay reserved when nobody works in them; see `held`."""

_OWN: Final[set[Path]] = set()
"""Directories that this process works in, whose run is its own."""

_OWNED: Final[Counter[Path]] = Counter()
"""How often each was."""

PASSING: Final = (LOCK, PROGRESS, LIVE)
"""What may be there before anything is begun."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of `directory`, which is made if it is missing; a reservation of this process is taken over.

    Raises:
        RunError: another process, or another call of this one, is at work in it; or it cannot be written.
    """
    place = real(directory)
    with in_words(directory):
        file = _RESERVED.pop(place, None) or _take(directory)
    if file is None:
        raise _busy(directory)
    try:
        yield
    finally:
        mine = place in _OWN
        _OWN.discard(place)
        if place in _HELD:
            _RESERVED[place] = file
        else:
            if not mine:
                _leave(directory)
            file.close()


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Within it nobody else gets between one `locked` of `directory` and the next.

    Raises:
        RunError: as of `locked`.
    """
    place = real(directory)
    if place not in _RESERVED and not reserve(directory):
        raise _busy(directory)
    _HELD.add(place)
    try:
        yield
    finally:
        _HELD.discard(place)
        release(directory)


def own(directory: Path) -> None:
    """What is in a `directory` that is `locked` is the run of this process: the settings agree."""
    _OWN.add(real(directory))
    _OWNED[real(directory)] += 1


def times_owned(directory: Path) -> int:
    """How often this process has begun to work in `directory`."""
    return _OWNED[real(directory)]


def is_own(directory: Path) -> bool:
    """Whether this process may write to `directory`: its run is at work there, or it holds it, and it is empty."""
    place = real(directory)
    return place in _OWN or (place in _RESERVED and not (directory / RUN).exists() and not strangers(directory))


def strangers(directory: Path) -> list[str]:
    """The names in a directory in which no run was begun that are in the way of one."""
    names = (path.name for path in directory.iterdir())
    return sorted(name for name in names if name not in (*PASSING, SHARDS) and not name.endswith(PART))


def reserve(directory: Path) -> bool:
    """Lock `directory`, which is made if it is missing, until `locked` takes over; False where somebody else has it."""
    with in_words(directory):
        file = _take(directory)
    if file is None:
        return False
    _RESERVED[real(directory)] = file
    return True


@contextlib.contextmanager
def reserved(directory: Path) -> Iterator[None]:
    """Lock `directory` until `locked` takes over; at the end it goes, with folders made for it, if nothing is in it.

    Raises:
        RunError: as of `locked`.
    """
    missing = [path for path in directory.parents if not path.exists()]
    if not reserve(directory):
        raise _busy(directory)
    try:
        yield
    finally:
        release(directory)
        with contextlib.suppress(OSError):
            for path in () if directory.exists() else missing:
                path.rmdir()


def _busy(directory: Path) -> RunError:
    return RunError(f"expected {directory} to be free, got a run that is at work in it; wait for it")


def release(directory: Path) -> None:
    """Give up a reservation that nobody took over; the directory goes with it if nothing is in it."""
    file = _RESERVED.pop(real(directory), None)
    if file is None:
        return
    with file, contextlib.suppress(OSError):
        if is_empty(directory):
            for path in directory.iterdir():
                path.unlink()
            directory.rmdir()
        else:
            _leave(directory)


def _leave(directory: Path) -> None:
    """Take the lock's file from a folder in which no run was begun, such as one of photographs named by mistake."""
    with contextlib.suppress(OSError):
        if not (directory / RUN).exists() and strangers(directory):
            (directory / LOCK).unlink()


def is_empty(directory: Path) -> bool:
    """Whether nothing has been written to `directory` but its lock, what passes, or half before the power was cut."""
    return all(path.name in PASSING or path.name.endswith(PART) for path in directory.iterdir())


def is_locked(directory: Path) -> bool:
    """Whether a process of this machine has the lock, where the system lists locks: nothing is locked to find out."""
    try:
        number = (directory / LOCK).stat().st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
    return any(line.split()[5].endswith(f":{number}") for line in locks.splitlines() if "FLOCK" in line)


def _take(directory: Path) -> IO[bytes] | None:
    """The locked file of `directory`; None where it is locked already."""
    try:
        import fcntl  # not there on Windows, where two runs in one directory are not prevented
    except ImportError:
        make_folder(directory)
        return open_lock(directory / LOCK)
    while True:
        make_folder(directory)
        try:
            file = open_lock(directory / LOCK)
        except FileNotFoundError:  # given up and removed by another process since
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _still_there(file, directory / LOCK):
                return file
        except BlockingIOError:
            file.close()
            return None
        file.close()


def _still_there(file: IO[bytes], path: Path) -> bool:
    """Whether the open `file` is the one at `path`: what was locked may have been removed before."""
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
