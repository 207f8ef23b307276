"""Power cuts and full disks: what the one writing module asks of the system is recorded, and replayed in part."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foolscape import disk

Op = tuple[Any, ...]
"""(what, path or number of a file, ...)."""


class _Patched:
    """The module `os` with other functions in the place of some."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self._functions = functions

    def __getattr__(self, name: str) -> Any:
        return self._functions.get(name) or getattr(os, name)


class Recorder:
    """What `foolscape.disk` does below a folder, in its order."""

    def __init__(self, base: Path) -> None:
        self.base = base.resolve()
        self.ops: list[Op] = []
        self._open: dict[int, int | str] = {}
        self._files: dict[str, int] = {}

    def _place(self, path: Any) -> str | None:
        path = Path(os.path.abspath(path))
        return str(path.relative_to(self.base)) if path.is_relative_to(self.base) else None

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        new = not os.path.lexists(path)
        descriptor = os.open(path, flags, mode)
        place = self._place(path)
        self._open.pop(descriptor, None)
        if place is None:
            return descriptor
        if os.path.isdir(path):
            self._open[descriptor] = place
        else:
            if new:
                self._files[place] = len(self.ops)
                self.ops.append(("create", place, self._files[place]))
            self._open[descriptor] = self._files[place]
        return descriptor

    def write(self, descriptor: int, content: Any) -> int:
        count = os.write(descriptor, content)
        if descriptor in self._open:  # what is written elsewhere, such as to the cache of estimates, is not replayed
            self.ops.append(("write", self._open[descriptor], bytes(content[:count])))
        return count

    def ftruncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)
        if descriptor in self._open:
            self.ops.append(("truncate", self._open[descriptor], size))

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        known = self._open.get(descriptor)
        if known is not None:
            self.ops.append(("sync", known))

    def replace(self, a: Any, b: Any) -> None:
        os.replace(a, b)
        one, other = self._place(a), self._place(b)
        assert one is not None
        assert other is not None
        self._files[other] = self._files.pop(one)
        self.ops.append(("rename", one, other))

    def mkdir(self, path: Any) -> None:
        os.mkdir(path)
        if (place := self._place(path)) is not None:
            self.ops.append(("mkdir", place))

    def unlink(self, path: Any) -> None:
        os.unlink(path)
        if (place := self._place(path)) is not None:
            self._files.pop(place, None)
            self.ops.append(("unlink", place))


@contextmanager
def recorded(base: Path) -> Iterator[list[Op]]:
    """The list of what is done below `base` within the context."""
    recorder = Recorder(base)
    names = ("open", "write", "ftruncate", "fsync", "replace", "mkdir", "unlink")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", _Patched(**{name: getattr(recorder, name) for name in names}))
        yield recorder.ops


@dataclass
class _File:
    """A file's content as processes see it, and as it surely is on the disk."""

    now: bytes = b""
    safe: bytes = b""

    def after_a_cut(self, rng: random.Random) -> bytes:
        """Of what was not synced any part may be there, or as many zeros; of what was cut off, too."""
        if self.now == self.safe:
            return self.safe
        kind = rng.randrange(4)
        if kind == 0 or not self.now.startswith(self.safe):
            return self.safe
        more = self.now[len(self.safe) :]
        part = rng.randrange(len(more) + 1)
        return self.safe + (more[:part] if kind < 3 else more[:part] + bytes(len(more) - part))


@dataclass
class _Folder:
    """The names in a folder that are surely on the disk, and what was done since, in its order."""

    safe: dict[str, Any] = field(default_factory=dict)
    later: list[Op] = field(default_factory=list)

    def after(self, count: int) -> dict[str, Any]:
        """The names with the first `count` of what was done since."""
        names = dict(self.safe)
        for what, name, *more in self.later[:count]:
            if what == "rename":
                names[more[0]] = names.pop(name)
            elif what == "unlink":
                names.pop(name, None)
            else:
                names[name] = more[0]
        return names


def lay_out(ops: list[Op], base: Path, rng: random.Random | None) -> None:
    """Make in `base` what is on the disk when the power goes after `ops`; without `rng` none of it was lost."""
    files: dict[int, _File] = {}
    folders: dict[str, _Folder] = {".": _Folder()}
    for what, where, *more in ops:
        if what == "create":
            files[more[0]] = _File()
            folders[str(Path(where).parent)].later.append((what, Path(where).name, more[0]))
        elif what == "mkdir":
            folders[where] = _Folder()
            folders[str(Path(where).parent)].later.append((what, Path(where).name, where))
        elif what == "write":
            files[where].now += more[0]
        elif what == "truncate":
            files[where].now = files[where].now[: more[0]]
        elif what == "sync" and isinstance(where, str):
            folder = folders[where]
            folder.safe, folder.later = folder.after(len(folder.later)), []
        elif what == "sync":
            files[where].safe = files[where].now
        else:
            others = [Path(one).name for one in more]
            folders[str(Path(where).parent)].later.append((what, Path(where).name, *others))
    _write(folders, files, ".", base, rng)


def _write(
    folders: dict[str, _Folder], files: dict[int, _File], place: str, at: Path, rng: random.Random | None
) -> None:
    at.mkdir(exist_ok=True)
    folder = folders[place]
    count = len(folder.later) if rng is None else rng.choice([0, rng.randrange(len(folder.later) + 1)])
    for name, what in folder.after(count).items():
        if isinstance(what, str):
            _write(folders, files, what, at / name, rng)
        else:
            file = files[what]
            (at / name).write_bytes(file.now if rng is None else file.after_a_cut(rng))


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """A disk on which `foolscape.disk` can write so many bytes more; a file or a folder takes 64 of them too."""
    left = [size]

    def take(count: int) -> None:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= count

    def open_(path: Any, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_CREAT and not os.path.lexists(path):
            take(64)
        return os.open(path, flags, mode)

    def write(descriptor: int, content: Any) -> int:
        count = min(len(content), max(left[0], 0))
        take(count)
        return os.write(descriptor, content[:count])

    def mkdir(path: Any) -> None:
        take(64)
        os.mkdir(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", _Patched(open=open_, write=write, mkdir=mkdir))
        yield
