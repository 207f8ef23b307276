"""Paths to what lies in stores and archives: they answer as a `pathlib.Path` does, of what was listed.

A path knows no more than its parts, `/s3:/bucket/images/a.jpg` for `s3://bucket/images/a.jpg`, so that those made of it
by `pathlib` are of its kind; `os.fspath`, and with it `open` and every library that reads files, fetches the file.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Generator
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath, PurePath, PurePosixPath
from typing import IO, Any

from foolscape.stores.address import inside_of, is_address, is_archive, is_pattern, plain, shown
from foolscape.stores.entries import Entry, Folder, Node
from foolscape.stores.registry import REGISTRY


class StorePath(PosixPath):
    """A path in a store; `str` is its address.

    What asks about files answers from the listing, which raises `SettingError` where the store cannot be listed.
    Nothing can be written. Links are none.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return shown(super().__str__())

    def __repr__(self) -> str:
        return f"StorePath({str(self)!r})"

    def __fspath__(self) -> str:
        """The fetched file; raises `OSError` where there is none, or the store does not give it."""
        return os.fspath(REGISTRY.fetch(super().__str__()))

    def __truediv__(self, key: str | os.PathLike[str]) -> Any:
        if isinstance(key, StorePath):
            return key
        is_absolute = bool(key.root) if isinstance(key, PurePath) else str(key).startswith("/")
        return Path(key) if is_absolute else type(self)(self, key)

    def __rtruediv__(self, key: object) -> Any:
        """An address is no part of another path, as an absolute path is none."""
        return self

    def joinpath(self, *others: str | os.PathLike[str]) -> Any:
        path: Path = self
        for other in others:
            path = path / other
        return path

    def relative_to(self, *other: Any, **_: object) -> PosixPath:  # type: ignore[override]
        """The rest of the path behind a folder above it, which is no address; raises `ValueError` for another."""
        above = type(self)(*other).parts
        if self.parts[: len(above)] != above:
            raise ValueError(f"{self} is not below {type(self)(*other)}")
        return PosixPath(*self.parts[len(above) :])

    def _node(self) -> Node:
        return REGISTRY.find(super().__str__())

    def _there(self) -> Entry | Folder:
        node = self._node()
        if node is None:
            raise FileNotFoundError(errno.ENOENT, "no such file or folder", str(self))
        return node

    def stat(self, **_: object) -> os.stat_result:
        """Kind and size, as the listing tells; the number of the device is 0."""
        node = self._there()
        if isinstance(node, Folder):
            return os.stat_result((stat.S_IFDIR | 0o555, id(node), 0, 1, 0, 0, 0, 0, 0, 0))
        size = os.stat(self).st_size if node.size < 0 else node.size  # noqa: PTH116 - of the fetched file
        return os.stat_result((stat.S_IFREG | 0o444, id(node), 0, 1, 0, 0, size, 0, 0, 0))

    def lstat(self) -> os.stat_result:
        return self.stat()

    def exists(self, **_: object) -> bool:
        return self._node() is not None

    def is_dir(self, **_: object) -> bool:
        return isinstance(self._node(), Folder)

    def is_file(self, **_: object) -> bool:
        return isinstance(self._node(), Entry)

    def is_symlink(self) -> bool:
        return False

    def names(self) -> dict[str, Entry | Folder]:
        """What is in the folder, by name; raises `OSError` if it is none."""
        node = self._there()
        if not isinstance(node, Folder):
            raise NotADirectoryError(errno.ENOTDIR, "a file, not a folder", str(self))
        return node.names

    def iterdir(self) -> Generator[Any, None, None]:
        yield from [self / name for name in self.names()]

    def glob(self, pattern: str, **_: object) -> Generator[Any, None, None]:
        """What is called as `pattern`, which may have several parts, without `**`; nothing where there is no folder."""
        first, _slash, rest = str(PurePosixPath(pattern)).partition("/")  # without `./`
        if not self.is_dir():
            return
        for path in self.iterdir():
            if fnmatchcase(path.name, first):
                if not rest:
                    yield path
                else:
                    yield from path.glob(rest)

    def absolute(self) -> Any:
        return self

    def resolve(self, *_: object, **__: object) -> Any:
        return self

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The fetched file, opened to be read."""
        if set(mode) & set("wax+"):
            raise OSError(errno.EROFS, "a store, which is read only", str(self))
        return io.open(os.fspath(self), mode, *arguments, **options)  # noqa: UP020

    def mkdir(self, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "a store, which is read only", str(self))

    def unlink(self, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "a store, which is read only", str(self))


def place_of(text: str) -> Path:
    """The path that `text` names, in a store or archive or on this machine.

    Raises:
        SettingError: an address with a key in it, or another form than those that are known.
    """
    address = plain(text) if is_address(text) else text
    return StorePath(inside_of(address)) if is_address(address) or _is_in_archive(address) else Path(address)


def _is_in_archive(text: str) -> bool:
    """Whether the path `text` of this machine leads to an archive, or to several, or into one."""
    end = -1
    for name in text.split("/"):
        end += 1 + len(name)
        if is_archive(name):
            there = os.path.isfile(text[:end])  # noqa: PTH113 - no path is made of it where it is none
            if there or (is_pattern(name) and not os.path.lexists(text[:end])):
                return True
    return False
