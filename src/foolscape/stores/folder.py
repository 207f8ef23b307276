"""A folder in a store that is written to: whole files, one that is made by one of many alone, and their removal."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from foolscape.stores.address import protocol_of, shown
from foolscape.stores.entries import Entry
from foolscape.stores.path import StorePath
from foolscape.stores.patience import StoreError, ask
from foolscape.stores.remote import CHUNK, Remote, open_remote

T = TypeVar("T")

_LONG: Final = 10
"""How many times as long as one answer the listing of all that is below the folder may take."""

_MOMENT: Final = 1.0
"""Seconds after which a file that several have written is the last one's."""

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".tex": "text/x-tex; charset=utf-8",
}
"""What browsers and others are told of a file, by the end of its name."""

_OTHER: Final = "application/octet-stream"

_TYPED: Final = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}
"""What the clients of stores call that, by protocol."""

_FLAT: Final = frozenset((*_TYPED, "abfs", "abfss", "adl", "az", "hf", "oss"))
"""Protocols whose stores have no folders that must be made."""

_TIMES: Final = ("LastModified", "last_modified", "mtime", "updated", "created")
"""What stores call the time of a file."""


@dataclass(frozen=True)
class StoreFolder:
    """A folder in a store.

    Attributes:
        remote: the store.
        root: where in it, such as `bucket/runs/val`.

    All methods raise `StoreError`, with the reason, where the store refuses, fails or takes too long.
    """

    remote: Remote
    root: str

    @property
    def address(self) -> str:
        """As people write it."""
        return f"{self.remote.protocol}://{self.root}"

    def sizes(self) -> dict[str, int]:
        """The bytes of all files below it by their places; empty where it is not there."""
        try:
            found = self._ask("find", self.address, times=_LONG, detail=True)
        except FileNotFoundError:
            return {}
        placed = ((self._place(name), about) for name, about in found.items() if about.get("type") != "directory")
        return {place: int(about.get("size") or 0) for place, about in placed if place and not place.endswith("/")}

    def names(self, place: str) -> dict[str, float | None]:
        """What is in the folder at `place`, files and folders, and when each was written, as the store says."""
        address = self._at(place) if place else self.address
        try:
            found = self._ask("ls", address, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        above = self.remote.system._strip_protocol(address).rstrip("/")
        paths = ((about["name"].rstrip("/"), about) for about in found)
        return {PurePosixPath(path).name: _time_of(about) for path, about in paths if path != above}

    def read(self, place: str) -> bytes:
        """What is in a file; raises `FileNotFoundError`."""
        return bytes(self._ask("cat_file", self._at(place)))

    def fetch(self, place: str, size: int, into: Path) -> None:
        """Write a file of the store to the path `into`, whose folder is there; raises `FileNotFoundError`."""
        part = into.with_name(f".{into.name}.fetched")
        try:
            with part.open("wb") as file:
                self.remote.copy(f"{self.root}/{place}", Entry(size, ""), file)
            part.replace(into)
        finally:
            part.unlink(missing_ok=True)

    def put(self, place: str, content: bytes) -> None:
        """Write a file, all of it or nothing."""
        times = 1 + len(content) / CHUNK
        self._made(place, lambda: self._ask("pipe_file", self._at(place), content, times=times, **self._typed(place)))

    def put_file(self, place: str, path: Path) -> None:
        """Write what is at `path` to a file; raises `FileNotFoundError` where nothing is at `path`."""
        times = 1 + path.stat().st_size / CHUNK
        target, typed = self._at(place), self._typed(place)
        self._made(place, lambda: self._ask("put_file", str(path), target, times=times, **typed))

    def create(self, place: str, content: bytes) -> bool:
        """Write a file that is not there; False where it is, also where another was faster.

        S3 and its like decide that themselves. Where a store does not, two that are at it within a moment both write,
        and the one that finds the other's content then has not made it.
        """
        try:
            self._made(place, lambda: self._ask("pipe_file", self._at(place), content, mode="create"))
        except StoreError:
            there = self._content(place)
            if there is None:  # a client that knows no such writing, or a store that takes nothing at all
                self.put(place, content)
                time.sleep(_MOMENT)
                there = self._content(place)
            # An answer that got lost was asked for again, and found the file that was made.
            return there == content
        return True

    def remove(self, place: str) -> None:
        """Remove a file, if it is there."""
        try:
            self._ask("rm_file", self._at(place))
        except FileNotFoundError:
            return

    def _content(self, place: str) -> bytes | None:
        try:
            return self.read(place)
        except OSError:
            return None

    def _made(self, place: str, write: Callable[[], T]) -> T:
        """What `write` returns, after the folder was made where the store has such; no bucket is made."""
        try:
            return write()
        except FileNotFoundError as error:
            if self.remote.protocol in _FLAT:
                raise StoreError(errno.ENOENT, f"no such bucket or folder: {error.strerror or error}") from None
        self._ask("makedirs", self._at(place).rpartition("/")[0], exist_ok=True)
        return write()

    def _typed(self, place: str) -> dict[str, Any]:
        name = _TYPED.get(self.remote.protocol)
        return {} if name is None else {name: _TYPES.get(PurePosixPath(place).suffix, _OTHER)}

    def _at(self, place: str) -> str:
        return f"{self.address}/{place}"

    def _place(self, name: str) -> str:
        root = self.remote.system._strip_protocol(self.address).rstrip("/")
        return name.removeprefix(root).lstrip("/") if name.startswith(root) else ""

    def _ask(self, method: str, *arguments: object, times: float = 1, **options: Any) -> Any:
        return ask(self.remote.system, method, *arguments, times=times, **options)


def folder_at(path: StorePath) -> StoreFolder:
    """The folder in a store that a path leads to, with a client of its own; raises as `open_remote`."""
    inside = PurePosixPath(*path.parts).as_posix()
    found = protocol_of(inside)
    assert found is not None, shown(inside)
    return StoreFolder(open_remote(*found), found[1].rstrip("/"))


def _time_of(about: Mapping[str, Any]) -> float | None:
    for name in _TIMES:
        value = about.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return None
