"""Addresses of files in stores and archives, as people write them and as paths hold them."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from foolscape.errors import SettingError
from foolscape.stores.secrets import refuse_secrets, scrubbed

ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""What the names of archives end in, in small letters."""

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_INSIDE: Final = re.compile(r"/([A-Za-z][A-Za-z0-9+.-]+):(?:/(.*))?", re.DOTALL)
_COLLAPSED: Final = re.compile(r"(^|::)([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
_OF_THIS_MACHINE: Final = ("file", "local")
_OF_HOSTS: Final = ("ftp", "ftps", "hdfs", "sftp", "smb", "ssh", "webhdfs")
"""Protocols whose addresses begin with a machine, which may be left out; in others a bucket comes first."""
_NO_HOST: Final = "~"
"""How a path holds that it is left out, as no path has an empty part."""
_WINDOWS: Final = re.compile(r"/?[A-Za-z]:(?:[\\/]|$)|\\\\")
_PATTERN: Final = re.compile(r"[*\[]|\{[^{}]*(?:,|\.\.)[^{}]*\}")


def is_address(text: str) -> bool:
    """Whether `text` is an address, `s3://bucket/images` or `zip://images::photos.zip`, and no path of this machine."""
    return _ADDRESS.match(text) is not None or ("://" in text and "::" in text)


def restored(path: str) -> str:
    """The address that `pathlib` has made a path of, `s3:/bucket` again `s3://bucket`; any other path as it is.

    `file:/tmp` is `file:///tmp`, as RFC 8089 has it.

    Raises:
        SettingError: nobody can tell whether the first part was a machine.
    """
    return _COLLAPSED.sub(_slashes, path)


def _slashes(one: re.Match[str]) -> str:
    protocol = one[2].lower()
    if protocol in _OF_HOSTS:
        raise SettingError(
            f"expected {protocol}://MACHINE/PATH, or {protocol}:///PATH for the machine of your settings, got "
            f"{protocol}: with one slash; write both, from Python as text, since a Path keeps one of them"
        )
    return f"{one[1]}{one[2]}://{'/' if protocol in _OF_THIS_MACHINE else ''}"


def is_of_windows(path: str) -> bool:
    """Whether a path is written as on Windows, `C:\\runs`, which here would be the name of a file."""
    return _WINDOWS.match(path) is not None


def is_archive(name: str) -> bool:
    """Whether a file of this name is an archive."""
    return name.lower().endswith(ENDINGS)


def is_pattern(name: str) -> bool:
    """Whether `name` may stand for several archives: `shards-{000..003}.tar`, `shards-*.tar`."""
    return is_archive(name) and _PATTERN.search(name) is not None


def plain(text: str) -> str:
    """The address `text` with the path inside an archive behind it: `zip://a::s3://b/c.zip` is `s3://b/c.zip/a`.

    Raises:
        SettingError: a key or a query in it, several archives inside each other, an archive whose name does not tell.
    """
    refuse_secrets(text)
    if "?" in text:
        raise SettingError(
            f"expected an address without ?, got one behind {scrubbed(text.partition('?')[0])}; leave out what follows"
        )
    inner, chained, outer = text.partition("::")
    if not chained:
        return _local(text)
    match = _ADDRESS.match(inner)
    if match is None or match[1] not in ("zip", "tar") or "::" in outer:
        raise SettingError(
            f"expected an address, or zip://PATH::ADDRESS or tar://PATH::ADDRESS, got {text}; what is fetched is kept "
            "in a cache in any case"
        )
    if not is_archive(outer):
        raise SettingError(f"expected an archive whose name ends in {' '.join(ENDINGS)}, got {outer}; rename it")
    return "/".join(part for part in (_local(outer), match[2].strip("/")) if part)


def _local(text: str) -> str:
    """`text`, where it is the address of a file of this machine its path, as RFC 8089 writes it."""
    match = _ADDRESS.match(text)
    if match is None or match[1].lower() not in _OF_THIS_MACHINE:
        return text
    host, slash, rest = match[2].partition("/")
    path = f"/{unquote(rest, errors='surrogateescape')}"
    if not slash or host.lower() not in ("", "localhost"):
        raise SettingError(
            f"expected {match[1]}:///PATH, with three slashes, for a file of this machine, got {text}, where "
            f"{host or 'nothing'!r} stands for a machine; write the path alone"
        )
    if "\0" in path or is_of_windows(path):
        raise SettingError(f"expected the path of a file of this machine, got {text}; write the path alone")
    return path


def inside_of(address: str) -> str:
    """How a path holds an `address`: `s3://bucket/a` is `/s3:/bucket/a`, `hdfs:///a` is `/hdfs:/~/a`."""
    match = _ADDRESS.match(address)
    if match is None:
        return address
    protocol = match[1].lower()
    left_out = protocol in _OF_HOSTS and match[2].startswith("/")
    return f"/{protocol}:/{f'{_NO_HOST}/' if left_out else ''}{match[2].lstrip('/')}"


def shown(inside: str) -> str:
    """The address that a path holds as `inside`."""
    found = protocol_of(inside)
    return inside if found is None else f"{found[0]}://{found[1]}"


def protocol_of(inside: str) -> tuple[str, str] | None:
    """The protocol of the address that a path holds as `inside`, and the rest; None for a path of this machine."""
    match = _INSIDE.fullmatch(inside)
    if match is None:
        return None
    protocol, rest = match[1], match[2] or ""
    left_out = protocol in _OF_HOSTS and rest.partition("/")[0] == _NO_HOST
    return protocol, f"/{rest[len(_NO_HOST) + 1 :]}" if left_out else rest


def host_of(protocol: str, rest: str) -> str:
    """The machine that an address names, `HOST` or `HOST:PORT`; empty where it names none."""
    return rest.partition("/")[0] if protocol in _OF_HOSTS else ""
