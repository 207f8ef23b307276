"""Zip archives."""

from __future__ import annotations

import errno
import shutil
import stat
import threading
import zipfile
import zlib
from lzma import LZMAError
from typing import BinaryIO, Final

from foolscape.stores.archives.archive import Archive, Parts, damaged, parts_of, tree_of
from foolscape.stores.archives.source import Source, opened
from foolscape.stores.entries import Entry
from foolscape.stores.patience import StoreError

_BOMB: Final = 256 << 20
"""Bytes from which on a member must not be `_RATIO` times as large as it is packed."""
_RATIO: Final = 100
_DOS: Final = 0
"""The system whose archives may have \\ between folders."""
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)


def open_zip(source: Source, identity: str, where: str) -> Archive:
    """The members of the zip archive in `source`, which messages call `where`.

    What is encrypted, a link, or far larger than it is packed is listed and cannot be read.

    Raises:
        DataError: it is none, it ends early, names lead out of it or come twice.
        OSError: as `source`.
    """
    try:
        archive = zipfile.ZipFile(opened(source))
    except _DAMAGE as error:
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
        except (*_DAMAGE, OSError) as error:
            raise StoreError(errno.EIO, f"damaged in the archive ({type(error).__name__}: {error})") from None

    return Archive(identity, tree_of(found, folders, where), copy)


def _problem(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 1:
        return "encrypted in the archive; unpack it"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link in the archive, which is not followed"
    if info.file_size > max(_BOMB, _RATIO * info.compress_size):
        return f"{info.file_size:,} bytes packed to {info.compress_size:,}, as a zip bomb has it; unpack it"
    return ""
