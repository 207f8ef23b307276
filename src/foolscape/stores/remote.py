"""One store with an address, by way of fsspec: what lies below a place, and the bytes of a file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from uuid import uuid4

from foolscape.errors import MissingExtraError, SettingError
from foolscape.extras import extra, installed
from foolscape.stores.address import host_of
from foolscape.stores.entries import ClashError, Entry, Folder, Node, tree
from foolscape.stores.patience import StoreError, ask, seconds
from foolscape.stores.secrets import WHERE, scrubbed

CHUNK: Final = 8 << 20
"""Bytes that one answer holds at most."""

_LONG: Final = 10
"""How many times as long as one answer the listing of all that is below a place may take: it is many answers."""

_VERSIONS: Final = (
    "ETag", "etag", "md5Hash", "content_md5", "sha256", "blob_id", "LastModified", "last_modified", "mtime", "updated",
    "created",
)  # fmt: skip
"""What stores call that which is another one where the content is, the surest first."""

_NO_PARTS: Final = frozenset(("", ".", ".."))


@dataclass(frozen=True)
class Remote:
    """The files of a protocol.

    Attributes:
        protocol: such as s3.
        system: fsspec's file system.
    """

    protocol: str
    system: Any

    def listed(self, place: str) -> Node:
        """What is at `place`, such as `bucket/images`, with all below it; asks twice, however many files there are.

        Raises:
            SettingError: the store does not answer, or does not allow it.
        """
        address = f"{self.protocol}://{place}"
        try:
            about = ask(self.system, "info", address)
            if not _is_folder(about) and about.get("size") != 0:
                return _entry(about, _unknown())
            found = ask(self.system, "find", address, times=_LONG, detail=True)
            listed = self._tree(place, found)
            return listed if listed.names or _is_folder(about) else _entry(about, _unknown())
        except FileNotFoundError:
            return None
        except StoreError as error:
            raise SettingError(
                f"expected {address} to be listed, got {error.strerror}; check the address, the network and the keys, "
                f"which stand in environment variables: {WHERE}"
            ) from None

    def _tree(self, place: str, found: Mapping[str, Mapping[str, Any]]) -> Folder:
        root = self.system._strip_protocol(f"{self.protocol}://{place}").rstrip("/")
        unknown, entries, folders = _unknown(), {}, []
        for name, about in found.items():
            written = name.removeprefix(root).removeprefix("/") if name.startswith(root) else name
            parts, odd = tuple(written.split("/")), ""
            if not _NO_PARTS.isdisjoint(parts):
                parts = tuple(part for part in parts if part not in _NO_PARTS)
                odd = f"a name that no path has: {written!r}"
            if not parts or parts in entries:
                continue
            if _is_folder(about) or written.endswith("/"):
                folders.append(parts)
            else:
                entries[parts] = _entry(about, unknown, odd)
        try:
            return tree(entries.items(), folders)
        except ClashError:
            _leave_markers(entries)
        try:
            return tree(entries.items(), folders)
        except ClashError as error:
            raise SettingError(
                f"expected files and folders of different names in {self.protocol}://{place}, got both called "
                f"{error}; rename one"
            ) from None

    def read(self, place: str, start: int, end: int) -> bytes:
        """The bytes from `start` to `end` of the file at `place`.

        Raises:
            FileNotFoundError: it is not there any more.
            StoreError: the store refuses, fails, takes too long, or gives another number of bytes.
        """
        address = f"{self.protocol}://{place}"
        return bytes(ask(self.system, "cat_file", address, length=end - start, start=start, end=end))

    def copy(self, place: str, entry: Entry, into: BinaryIO) -> None:
        """Write the file at `place` into a file; raises as `read`."""
        if entry.size < 0:
            into.write(ask(self.system, "cat_file", f"{self.protocol}://{place}"))
            return
        for start in range(0, entry.size, CHUNK):
            into.write(self.read(place, start, min(start + CHUNK, entry.size)))


def open_remote(protocol: str, place: str) -> Remote:
    """The store of a `protocol` that has `place`, with the settings that its client and fsspec's configuration have.

    Raises:
        SettingError: fsspec knows no such protocol, or its settings do not do.
        MissingExtraError: its client is not installed.
    """
    with installed("fsspec", "data in stores"):
        import fsspec
    needed = {"s3": extra("s3"), "s3a": extra("s3"), "hf": extra("hf"), "gs": installed("gcsfs", "data in gs://")}
    try:
        with needed.get(protocol) or nullcontext():
            kind = fsspec.get_filesystem_class(protocol)
    except ValueError:
        raise SettingError(
            f"expected the address of a store that fsspec knows, such as s3://, got {protocol}://; check it"
        ) from None
    except ImportError as error:
        raise MissingExtraError(f"expected what fsspec needs for {protocol}://, got {error}; install that") from error
    options = _options(protocol)
    if host_of(protocol, place):
        options |= kind._get_kwargs_from_urls(f"{protocol}://{place}")
    try:
        system = fsspec.filesystem(protocol, **options)
    except Exception as error:  # the clients of a dozen stores raise nearly anything
        raise SettingError(
            f"expected settings for {protocol}:// with which it can be opened, got {type(error).__name__}: "
            f"{scrubbed(error)}; they stand in environment variables: {WHERE}"
        ) from None
    return Remote(protocol, system)


def _options(protocol: str) -> dict[str, Any]:
    """No listing is kept twice; S3's client waits no longer than we do, and does not ask again where s3fs does."""
    import fsspec.config

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if protocol in ("s3", "s3a"):
        own = fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
        limit = seconds()
        once = {"connect_timeout": limit, "read_timeout": limit, "retries": {"max_attempts": 0}}
        options["config_kwargs"] = {**once, **own}
    return options


def _is_folder(about: Mapping[str, Any]) -> bool:
    return about.get("type") == "directory" or str(about.get("mimetype", "")).startswith("text/html")


def _leave_markers(entries: dict[tuple[str, ...], Entry]) -> None:
    """Take out the empty files that some programs put in the place of a folder."""
    inner = {parts[:end] for parts in entries for end in range(1, len(parts))}
    for parts in inner & entries.keys():
        if not entries[parts].size:
            del entries[parts]


def _entry(about: Mapping[str, Any], unknown: str, problem: str = "") -> Entry:
    size, version = about.get("size"), unknown
    for name in _VERSIONS:
        if about.get(name):
            version = str(about[name])
            break
    return Entry(size if isinstance(size, int) else -1, version, problem)


def _unknown() -> str:
    """The version of a file of which the store tells none: it is fetched anew wherever the store is listed anew."""
    return f"listed {uuid4().hex}"
