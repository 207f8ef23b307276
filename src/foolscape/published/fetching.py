"""Fetching a file over HTTP: what is there is kept, the rest asked for, and the whole held against a checksum."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from foolscape.errors import DataError
from foolscape.published.downloads import Download
from foolscape.regular import open_regular

Progress = Callable[[int, int | None], None]
"""Is told the bytes that are there, and those of the whole, where the server says so."""

_CHUNK: Final = 1 << 20
_TRIES: Final = 4
_PATIENCE: Final = 30.0
"""Seconds without an answer after which a connection is given up."""

_PARTIAL, _NOT_THERE = 206, 416
"""HTTP's statuses for a part of a file, and for a part that begins behind its end."""


@dataclass(frozen=True)
class Fetched:
    """What came of it.

    Attributes:
        path: of the file.
        sha256: of it.
        resumed: bytes that were there from before.
        was_there: whether it was there as a whole.
    """

    path: Path
    sha256: str
    resumed: int = 0
    was_there: bool = False


def fetch(what: Download, folder: Path, progress: Progress, *, pause: float = 1.0) -> Fetched:
    """Fetch a file into `folder`; it has its name only when it is whole and its checksum holds.

    What has come is in FILE.part, from where a later call goes on.

    Args:
        what: the file.
        folder: made where it is not there.
        progress: see `Progress`.
        pause: seconds before the second try after a broken connection; twice as many before each further one.

    Raises:
        DataError: it could not be fetched or written, or its checksum is another.
    """
    target = folder / what.file
    part = target.with_name(f"{target.name}.part")
    with _told(what):
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return Fetched(target, _checked(what, target), was_there=True)
        before = part.stat().st_size if part.exists() else 0
        _fetch_all(what, part, progress, pause)
        try:
            sha256 = _checked(what, part)
        except DataError:
            part.unlink()  # what goes on from it could never be right
            raise
        part.replace(target)
    return Fetched(target, sha256, before)


def _fetch_all(what: Download, part: Path, progress: Progress, pause: float) -> None:
    """Ask for what is missing of `part` until the server has sent all; a broken connection is tried again."""
    for left in reversed(range(_TRIES)):
        try:
            if _fetch_once(what.address, part, progress):
                return
            error: Exception = OSError("the connection ended early")
        except HTTPError as failed:
            failed.close()
            if failed.code < 500:
                raise
            error = failed
        except (OSError, HTTPException) as failed:
            error = failed
        if not left:
            raise error
        time.sleep(pause * 2 ** (_TRIES - 1 - left))


def _fetch_once(address: str, part: Path, progress: Progress) -> bool:
    """Write one answer of the server to `part`; whether that is all of the file."""
    have = part.stat().st_size if part.exists() else 0
    request = Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urlopen(request, timeout=_PATIENCE)
    except HTTPError as error:
        if error.code != _NOT_THERE:
            raise
        error.close()
        return _is_whole(error.headers.get("Content-Range"), have, part)
    with answer:
        if answer.status != _PARTIAL or _start(answer.headers.get("Content-Range")) != have:
            have = 0  # it sends all from the beginning
        size = _whole_size(answer, have)
        with part.open("ab" if have else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                have += len(chunk)
                progress(have, size)
    return size is None or have >= size


def _is_whole(content_range: str | None, have: int, part: Path) -> bool:
    """Whether nothing is missing where a server has nothing from `have` on; what is too long is thrown away."""
    if content_range is not None and content_range.rpartition("/")[2] == str(have):
        return True
    part.unlink()
    return False


def _start(content_range: str | None) -> int | None:
    """The first byte in `bytes 100-199/1000`."""
    first = (content_range or "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else None


def _whole_size(answer: Any, have: int) -> int | None:
    """Bytes of the whole file, of which the answer holds those behind `have`."""
    length = answer.headers.get("Content-Length", "")
    return have + int(length) if length.isdigit() else None


def _checked(what: Download, path: Path) -> str:
    """The SHA-256 of the file at `path`; `DataError` where its checksum is not the published one."""
    kind, _, wanted = what.digest.partition(":")
    own, sha256 = hashlib.new(kind, usedforsecurity=False), hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            own.update(chunk)
            sha256.update(chunk)
    if not own.hexdigest().startswith(wanted):
        raise DataError(
            f"expected {what.file} with the {kind.upper()} {wanted} in {path.parent}, got "
            f"{own.hexdigest()[: len(wanted)]}; it is another file or damaged: "
            f"{f'remove {path} and ' if path.suffix != '.part' else ''}download it again"
        )
    return sha256.hexdigest()


@contextmanager
def _told(what: Download) -> Iterator[None]:
    """What goes wrong within it is a `DataError`."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        raise DataError(
            f"expected to download {what.address}, got {type(error).__name__}: {error}; what has come is kept, and the "
            "same command goes on from there"
        ) from error
