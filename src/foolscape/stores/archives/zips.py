"""Zip archives."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import threading
import zipfile
import zlib
from typing import BinaryIO, Final

from foolscape.stores.archives.archive import LZMA_DAMAGE, Archive, Parts, damaged, parts_of, tree_of
from foolscape.stores.archives.source import Source, check_read, opened
from foolscape.stores.entries import Entry
from foolscape.stores.patience import StoreError

_BOMB: Final = 256 << 20
"""Bytes from which on a member must not be `_RATIO` times as large as it is packed."""
_RATIO: Final = 100
_DOS: Final = 0
"""The system whose archives may have \\ between folders."""
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L2Q16x")
"""The end of an archive, and what those with more than `_MANY` members have before it and a locator (APPNOTE 4.3)."""
_LOCATOR: Final = 20
_MANY: Final = 0xFFFF
_DAMAGE: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile, zlib.error, *LZMA_DAMAGE, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error,
)  # fmt: skip
_UNREADABLE: Final[tuple[type[Exception], ...]] = (*_DAMAGE, OSError)


def open_zip(source: Source, identity: str, where: str) -> Archive:
    """The members of the zip archive in `source`, which messages call `where`.

    What is encrypted, a link, or far larger than it is packed is listed and cannot be read.

    Raises:
        DataError: it is none, it ends early, names lead out of it or come twice.
        OSError: as `source`.
    """
    file = opened(source)
    try:
        archive = zipfile.ZipFile(file)
        _check_count(source, archive)
    except _DAMAGE as error:
        check_read(file)
        raise damaged(where, f"{type(error).__name__}: {error}") from None
    members: dict[Parts, zipfile.ZipInfo] = {}
    found, folders = [], []
    for info in archive.infolist():
        name = info.filename.replace("\\", "/") if info.create_system == _DOS else info.filename
        parts = parts_of(name, where)
        if name.endswith("/") or not parts:
            folders.append(parts)
            continue
        members[parts] = info
        found.append((parts, Entry(info.file_size, f"{info.CRC:x} {info.header_offset}", _problem(info))))
    lock = threading.Lock()

    def copy(parts: Parts, into: BinaryIO) -> None:
        try:
            with lock, archive.open(members[parts]) as member:
                shutil.copyfileobj(member, into, 1 << 20)
        except StoreError:
            raise
        except _UNREADABLE as error:
            raise StoreError(errno.EIO, f"damaged in the archive ({type(error).__name__}: {error})") from None

    return Archive(identity, tree_of(found, folders, where), copy)


def _check_count(source: Source, archive: zipfile.ZipFile) -> None:
    """Raise `ValueError` unless there are as many members as the end of the archive says: `zipfile` does not ask it."""
    at = source.size - _END.size - len(archive.comment)
    mark, *_, count = _END.unpack(source.read(at, at + _END.size))[:5]
    if mark != b"PK\5\6":
        raise ValueError("an end that is no end of a zip archive")
    before = at - _LOCATOR - _END_64.size
    if count == _MANY and before >= 0:
        mark, *_, many = _END_64.unpack(source.read(before, before + _END_64.size))
        count = many if mark == b"PK\6\6" else count
    if count != len(archive.infolist()):
        raise ValueError(f"{len(archive.infolist()):,} members instead of {count:,}")


def _problem(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 1:
        return "encrypted in the archive; unpack it"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link in the archive, which is not followed"
    if info.file_size > max(_BOMB, _RATIO * info.compress_size):
        return f"{info.file_size:,} bytes packed to {info.compress_size:,}, as a zip bomb has it; unpack it"
    return ""
