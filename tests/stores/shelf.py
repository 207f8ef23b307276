"""A store in memory that does what a test wants: is read only, full, flaky, and tells what it was given and asked."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class Shelf(MemoryFileSystem):
    """`shelf://`.

    Attributes:
        read_only: whether it refuses whatever is written.
        room: bytes that it still takes; None: any.
        left: how many more times it can be written to, or something removed; None: any.
        failing: how many of the next writes get no answer.
        given, asked: places that were written and read, in this order.
        taken: bytes that were written.
        looking: is told of a place and content before it is written.
    """

    protocol = "shelf"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    read_only: ClassVar[bool] = False
    room: ClassVar[int | None] = None
    left: ClassVar[int | None] = None
    failing: ClassVar[int] = 0
    taken: ClassVar[int] = 0
    given: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []
    looking: ClassVar[Callable[[str, bytes], None] | None] = None

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return super()._strip_protocol(str(path).removeprefix("shelf://"))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        self._take(path, value)
        super().pipe_file(path, value, mode=mode)

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        content = Path(lpath).read_bytes()
        self._take(rpath, content)
        super().pipe_file(rpath, content)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        place = self._strip_protocol(path)
        type(self).asked.append(place)
        if place not in self.store:
            raise FileNotFoundError(place)
        content: bytes = self.store[place].getvalue()
        return content[start:end]

    def rm_file(self, path: str) -> None:
        self._allow()
        if self.store.pop(self._strip_protocol(path), None) is None:
            raise FileNotFoundError(path)

    def _take(self, path: str, content: bytes) -> None:
        cls = type(self)
        self._allow()
        if cls.failing:
            cls.failing -= 1
            raise ConnectionResetError("dropped")
        if cls.room is not None and len(content) > cls.room:
            raise OSError(errno.ENOSPC, "no space left on the device")
        if cls.room is not None:
            cls.room -= len(content)
        if cls.looking is not None:
            cls.looking(self._strip_protocol(path), content)
        cls.given.append(self._strip_protocol(path))
        cls.taken += len(content)

    def _allow(self) -> None:
        cls = type(self)
        if cls.read_only or cls.left == 0:
            raise PermissionError(errno.EACCES, "Access Denied")
        if cls.left is not None:
            cls.left -= 1


def contents(root: str) -> dict[str, bytes]:
    """The files below a place of the shelf, by their places below it."""
    start = f"/{root.strip('/')}/"
    files = dict(Shelf.store)
    return {place.removeprefix(start): file.getvalue() for place, file in files.items() if place.startswith(start)}


@contextmanager
def fresh_shelf() -> Iterator[None]:
    """Within it the shelf is empty, and takes all."""
    fsspec.register_implementation("shelf", Shelf, clobber=True)
    Shelf.store.clear()
    Shelf.given.clear()
    Shelf.asked.clear()
    Shelf.read_only, Shelf.room, Shelf.left, Shelf.failing, Shelf.taken, Shelf.looking = False, None, None, 0, 0, None
    yield
    Shelf.store.clear()
