"""Tar archives, also compressed ones."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from foolscape.stores.archives.archive import LZMA_DAMAGE, Archive, Parts, damaged, parts_of, tree_of
from foolscape.stores.archives.source import FileSource, Source, opened
from foolscape.stores.cache import cache, too_large
from foolscape.stores.entries import Entry
from foolscape.stores.patience import StoreError

_CHUNK: Final = 1 << 20
_BLOCK: Final = 512
_PACKED: Final = (".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
_DAMAGE: Final[tuple[type[Exception], ...]] = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    *LZMA_DAMAGE,
    gzip.BadGzipFile,
    UnicodeError,
    ValueError,
)
_UNREADABLE: Final[tuple[type[Exception], ...]] = (*_DAMAGE, OSError)


def open_tar(source: Source, identity: str, where: str) -> Archive:
    """The members of the tar archive in `source`, which messages call `where`; it is read once from end to end.

    A compressed one is unpacked into the cache, since nothing in it can be reached otherwise. What is a link, a device
    or the like is listed and cannot be read.

    Raises:
        DataError: it is none, it ends early, names lead out of it or come twice; unpacked it is too large.
        OSError: as `source`.
    """
    plain = _unpacked(source, identity, where) if where.lower().endswith(_PACKED) else source
    places: dict[Parts, tuple[int, int]] = {}
    found, folders = [], []
    with opened(plain) as file:
        try:
            for member in _members(file):
                parts = parts_of(member.name, where)
                if member.isdir():
                    folders.append(parts)
                elif parts:
                    places[parts] = member.offset_data, member.size
                    found.append((parts, Entry(member.size, str(member.offset_data), _problem(member))))
        except _DAMAGE as error:
            raise damaged(where, f"{type(error).__name__}: {error}") from None

    def copy(parts: Parts, into: BinaryIO) -> None:
        begin, size = places[parts]
        for start in range(begin, begin + size, _CHUNK):
            into.write(plain.read(start, min(start + _CHUNK, begin + size)))

    return Archive(identity, tree_of(found, folders, where), copy)


def _members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The members, if the archive has its end; `tarfile` ends without a word where a header is damaged or missing."""
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            yield member
        file.seek(archive.offset)
    if file.read(_BLOCK) != bytes(_BLOCK):
        raise EOFError("no end of the archive behind its last member")


def _problem(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return "a link in the archive, which is not followed"
    return "" if member.isreg() and member.sparse is None else "no regular file in the archive"


def _unpacked(source: Source, identity: str, where: str) -> Source:
    """The archive without its compression, in the cache."""

    def fill(into: BinaryIO) -> None:
        most = cache().most
        with opened(source) as packed, _reader(packed, where) as file:
            while block := file.read(_CHUNK):
                if into.tell() + len(block) > most:
                    raise too_large(into.tell() + len(block), most)
                into.write(block)

    def place() -> Path:
        return cache().get(f"{identity}\0unpacked", "unpacked.tar", -1, fill)

    try:
        return FileSource(place, place().stat().st_size)
    except StoreError:
        raise
    except _UNREADABLE as error:
        raise damaged(where, f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}") from None


def _reader(packed: BinaryIO, where: str) -> BinaryIO:
    name = where.lower()
    if name.endswith("gz"):
        return gzip.open(packed, "rb")  # type: ignore[return-value]
    if name.endswith("bz2"):
        import bz2  # here, as is lzma: a Python may be built without them

        return bz2.open(packed, "rb")  # type: ignore[return-value]
    import lzma

    return lzma.open(packed, "rb")  # type: ignore[return-value]
