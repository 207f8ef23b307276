"""Files that are read: regular ones alone, and texts up to a size. Everything that opens a user's file asks here.

A pipe, a socket or a device in a folder of photographs would else be waited for, or be read without an end.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import Final

MOST_TEXT: Final = 16 << 20
"""Bytes of a list, a class file or an annotation of one image; the longest that data sets have is about a megabyte."""

MOST_JSON: Final = 2 << 30
"""Bytes of the annotations of a whole data set; COCO's largest file has half a gigabyte."""

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_regular(path: Path | str) -> int:
    """The size in bytes of the regular file at `path`, or that a link leads to; nothing is opened.

    Raises:
        OSError: no such file, one that may not be looked at, a name that no file can have, or something else than a
            regular file: a folder, pipe, socket or device.
    """
    try:
        status = (path if isinstance(path, Path) else Path(path)).stat()
    except ValueError as error:  # a NUL in the name, or a character that the file system cannot have
        raise OSError(errno.EINVAL, f"a name that no file can have ({error})", str(path)) from None
    return _size(status, path)


def is_regular(path: Path | str) -> bool:
    """Whether there is a regular file at `path`, whatever stands there else."""
    try:
        check_regular(path)
    except OSError:
        return False
    return True


def open_regular(path: Path | str) -> BufferedReader:
    """The regular file at `path`, opened to be read; raises as `check_regular` does, and waits for nobody."""
    check_regular(path)
    # Without waiting for a writer, should a pipe have taken the file's place since.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb")
    try:
        _size(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def read_bytes(path: Path | str, most: int = MOST_TEXT) -> bytes:
    """What is in the regular file at `path`.

    Raises:
        OSError: as `check_regular`, or more than `most` bytes.
    """
    with open_regular(path) as file:
        # Python takes the memory for all that is asked for at once.
        content = file.read(min(most, os.fstat(file.fileno()).st_size) + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return content


def read_text(path: Path | str, most: int = MOST_TEXT) -> str:
    r"""The text in the regular file at `path`, UTF-8 with or without a byte order mark, every line ended by \n.

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is no UTF-8, or holds a NUL, as UTF-16 and other files than texts do.
    """
    text = read_bytes(path, most).decode("utf-8-sig")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"a NUL in line {line}; save it as text in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _size(status: os.stat_result, path: Path | str) -> int:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise OSError(errno.EINVAL, f"{kind}, not a regular file", str(path))
    return status.st_size
