"""What has been listed of stores and archives, and the files fetched from them, by the places that paths hold."""

from __future__ import annotations

import errno
import os
import posixpath
import threading
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from foolscape.errors import DataError, SettingError
from foolscape.stores.address import host_of, is_archive, is_pattern, protocol_of, shown
from foolscape.stores.archives.archive import Archive
from foolscape.stores.archives.source import FileSource, PartSource, Source
from foolscape.stores.archives.tars import open_tar
from foolscape.stores.archives.zips import open_zip
from foolscape.stores.cache import cache
from foolscape.stores.entries import Entry, Folder, Node, below
from foolscape.stores.patience import StoreError
from foolscape.stores.remote import Remote, open_remote
from foolscape.stores.shards import expanded, has_stars

_FEW: Final = 8
"""Files of one folder that are asked for one by one; where another is wanted, the folder is listed."""


@dataclass
class Registry:
    """The stores of a process.

    Attributes:
        remotes: by the number of the process, as clients do not survive a fork, protocol and machine.
        roots: what is at each place that was listed; a place below it is looked up there.
        archives: by their places.
        current: the roots and archives that need not be looked at again, until data are opened anew.
        alone: how many files were asked for one by one, by folder.
        refused: why a file could not be had; it is not asked for again, so that a sample is one thing while data are
            open, and a store that is silent is waited for once.
        lock: held while a store is listed.
    """

    remotes: dict[tuple[int, str, str], Remote] = field(default_factory=dict)
    roots: dict[str, Node] = field(default_factory=dict)
    archives: dict[str, Archive] = field(default_factory=dict)
    current: set[str] = field(default_factory=set)
    alone: Counter[str] = field(default_factory=Counter)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, inside: str) -> Node:
        """What is at the place that a path holds as `inside`; lists the store or archive where that was not done.

        Raises:
            SettingError: a store cannot be listed.
            DataError: an archive cannot, or one of several is not there.
        """
        with self.lock:
            place = posixpath.normpath(inside)
            at = self._archive_in(place)
            if at is None:
                return self._in_store(place)
            archive, rest = _parted(place, at)
            if is_pattern(posixpath.basename(archive)) and not self._is_file(archive):
                return self._in_several(archive, rest)
            return below(self._archive(archive).tree, rest)

    def fetch(self, inside: str) -> Path:
        """The file at the place `inside`, on this machine.

        Raises:
            OSError: no such file, a folder, or the store does not give it; `StoreError` where that may change.
            SettingError, DataError: as `find`.
        """
        entry = self.find(inside)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "no such file", shown(inside))
        if isinstance(entry, Folder):
            raise IsADirectoryError(errno.EISDIR, "a folder, not a regular file", shown(inside))
        if entry.problem:
            raise StoreError(errno.EINVAL, entry.problem, shown(inside))
        place = posixpath.normpath(inside)
        if place in self.refused:
            raise StoreError(*self.refused[place], shown(inside))
        try:
            with self.lock:
                at = self._archive_in(place)
                archive = None if at is None else self._holder(place, at)
            if archive is None:
                return self._fetch_remote(place, entry)
            fill = partial(archive[0].copy, archive[1])
            key = "\0".join((archive[0].identity, *archive[1], entry.version))
            return cache().get(key, posixpath.basename(place), entry.size, fill)
        except OSError as error:
            self.refused[place] = error.errno or errno.EIO, error.strerror or str(error)
            raise StoreError(*self.refused[place], shown(inside)) from None

    def forget(self) -> None:
        """Look again at whatever is asked for from here on, as data sets are opened anew."""
        with self.lock:
            self.current.clear()
            self.alone.clear()
            self.refused.clear()
            for root in [root for root, node in self.roots.items() if node is None]:
                del self.roots[root]

    def _archive_in(self, place: str) -> int | None:
        """Where in the text `place` the name of an archive ends; None for a place in no archive."""
        end = -1
        for name in place.split("/"):
            end += 1 + len(name)
            if is_archive(name) and (is_pattern(name) or self._is_file(place[:end])):
                return end
        return None

    def _is_file(self, place: str) -> bool:
        if protocol_of(place) is None:
            return os.path.isfile(place)  # noqa: PTH113 - a text, as places are
        return isinstance(self._in_store(place), Entry)

    def _in_store(self, place: str) -> Node:
        """What is at a `place` that is in no archive; on this machine nothing is looked at but archives."""
        if protocol_of(place) is None:
            return None
        root = self._root(place)
        if root not in self.current or root not in self.roots:
            self.roots[root] = node = self._listed(root)
            self.current.add(root)
            if not isinstance(node, Folder):
                self.alone[posixpath.dirname(root)] += 1
        return below(self.roots[root], _parted(place, len(root))[1])

    def _root(self, place: str) -> str:
        """The root that `place` is in; itself where there is none, or its folder where that was asked for often."""
        for root in self.roots:
            if place == root or place.startswith(f"{root}/"):
                return root
        above = posixpath.dirname(place)
        return above if self.alone[above] > _FEW and above.count("/") > 1 else place

    def _listed(self, root: str) -> Node:
        remote, place = self._remote(root)
        try:
            return remote.listed(place)
        except SettingError:
            self.remotes = {
                key: one for key, one in self.remotes.items() if one is not remote
            }  # its settings may be others when it is asked again
            raise

    def _remote(self, place: str) -> tuple[Remote, str]:
        """The store that `place` is in, and what it is called there."""
        address = protocol_of(place)
        assert address is not None
        key = os.getpid(), address[0], host_of(*address)
        if key not in self.remotes:
            self.remotes[key] = open_remote(*address)
        return self.remotes[key], address[1]

    def _fetch_remote(self, place: str, entry: Entry) -> Path:
        remote, there = self._remote(place)

        def fill(into: BinaryIO) -> None:
            remote.copy(there, entry, into)

        return cache().get(f"{place}\0{entry.size}\0{entry.version}", posixpath.basename(place), entry.size, fill)

    def _holder(self, place: str, at: int) -> tuple[Archive, tuple[str, ...]]:
        """The archive that a file at `place` is in, and its path there."""
        archive, rest = _parted(place, at)
        if is_pattern(posixpath.basename(archive)) and not self._is_file(archive):
            archive, rest = posixpath.join(posixpath.dirname(archive), rest[0]), rest[1:]
        return self._archive(archive), rest

    def _in_several(self, pattern: str, rest: tuple[str, ...]) -> Node:
        """What is in archives that a `pattern` names: a folder for each, called as it is."""
        folder, name = posixpath.split(pattern)
        if has_stars(name):
            named = [one for one in self._names_in(folder) if any(fnmatchcase(one, part) for part in expanded(name))]
        else:
            named = expanded(name)
        if not named:
            return None
        if rest:
            at = posixpath.join(folder, rest[0])
            return below(self._archive(at).tree, rest[1:]) if rest[0] in named else None
        return Folder({one: self._archive(posixpath.join(folder, one)).tree for one in named})

    def _names_in(self, folder: str) -> list[str]:
        """The files in a folder, in order."""
        if protocol_of(folder) is None:
            return sorted(entry.name for entry in os.scandir(folder or ".") if entry.is_file())
        node = self._in_store(folder)
        return (
            sorted(name for name, one in node.names.items() if isinstance(one, Entry))
            if isinstance(node, Folder)
            else []
        )

    def _archive(self, place: str) -> Archive:
        """The archive at `place`, listed anew where it has changed since."""
        if place in self.current and place in self.archives:
            return self.archives[place]
        where = shown(place)
        if not self._is_file(place):
            raise DataError(f"{where}: expected an archive, got no such file; check the path")
        try:
            identity, source = self._source(place)
            if place not in self.archives or self.archives[place].identity != identity:
                opener = open_zip if place.lower().endswith(".zip") else open_tar
                self.archives[place] = opener(source, identity, where)
        except OSError as error:
            raise SettingError(
                f"expected the archive {where} to be listed, got {error.strerror or error}; check it and the network"
            ) from None
        self.current.add(place)
        return self.archives[place]

    def _source(self, place: str) -> tuple[str, Source]:
        """What an archive is known by, and its bytes."""
        if protocol_of(place) is None:
            path = Path(place).absolute()
            status = path.stat()
            identity = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}"
            return identity, FileSource(lambda: path, status.st_size, status.st_mtime_ns)
        entry = self._in_store(place)
        assert isinstance(entry, Entry)
        identity = f"{place}\0{entry.size}\0{entry.version}"
        if entry.size < 0:
            fetch = partial(self._fetch_remote, place, entry)
            return identity, FileSource(fetch, fetch().stat().st_size)
        remote, there = self._remote(place)
        return identity, PartSource(partial(remote.read, there), entry.size)


def _parted(place: str, at: int) -> tuple[str, tuple[str, ...]]:
    """The text up to `at`, and the parts of the path behind it."""
    return place[:at], tuple(part for part in place[at:].split("/") if part)


REGISTRY: Final = Registry()
"""The one of this process: paths hold nothing but where they lead."""
