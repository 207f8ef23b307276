"""Addresses of files in stores and archives, as people write them and as paths hold them."""

from __future__ import annotations

import re
from typing import Final

from foolscape.errors import SettingError
from foolscape.stores.secrets import refuse_secrets, scrubbed

ENDINGS: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""What the names of archives end in, in small letters."""

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_INSIDE: Final = re.compile(r"/([A-Za-z][A-Za-z0-9+.-]+):(?:/(.*))?", re.DOTALL)
_COLLAPSED: Final = re.compile(r"(^|::)([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
_OF_THIS_MACHINE: Final = ("file", "local")
_PATTERN: Final = re.compile(r"[*\[]|\{[^{}]*(?:,|\.\.)[^{}]*\}")


def is_address(text: str) -> bool:
    """Whether `text` is an address, `s3://bucket/images` or `zip://images::photos.zip`, and no path of this machine."""
    return _ADDRESS.match(text) is not None or ("://" in text and "::" in text)


def restored(path: str) -> str:
    """The address that `pathlib` has made a path of, `s3:/bucket` again `s3://bucket`; any other path as it is.

    `file:/tmp` was `file:///tmp`, which names no host: the path begins at the root, not in the folder one is in.
    """
    return _COLLAPSED.sub(lambda one: f"{one[1]}{one[2]}://{'/' if one[2].lower() in _OF_THIS_MACHINE else ''}", path)


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
    """`text`, where it is the address of a file of this machine its path."""
    match = _ADDRESS.match(text)
    return match[2] if match is not None and match[1].lower() in ("file", "local") else text


def inside_of(address: str) -> str:
    """How a path holds an `address`: `s3://bucket/a` is `/s3:/bucket/a`."""
    match = _ADDRESS.match(address)
    return address if match is None else f"/{match[1].lower()}:/{match[2].lstrip('/')}"


def shown(inside: str) -> str:
    """The address that a path holds as `inside`."""
    match = _INSIDE.fullmatch(inside)
    return inside if match is None else f"{match[1]}://{match[2] or ''}"


def protocol_of(inside: str) -> tuple[str, str] | None:
    """The protocol of the address that a path holds as `inside`, and the rest; None for a path of this machine."""
    match = _INSIDE.fullmatch(inside)
    return None if match is None else (match[1], match[2] or "")
