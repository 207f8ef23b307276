"""How files that grow lie in a store, where nothing can be added to a file: in pieces, which a ledger names in order.

A ledger is one small file, written after the pieces that it names, so that all files that grow are there together as
they were at one moment. A piece that was just written takes those before it along that are no larger than it: so there
are few pieces, and of n bytes about n log n go up in all, never n for each line. Large pieces stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from foolscape.errors import RunError

BESIDE: Final = ".foolscape"
"""The folder of what foolscape keeps beside a run in a store."""
PIECES: Final = f"{BESIDE}/pieces"
LARGE: Final = 8 << 20
"""Bytes from which on a piece stays as it is."""
MOST: Final = 16 << 20
"""Bytes of a piece, for one goes up as a whole."""

_LEDGER: Final = "ledger-"
_DIGITS: Final = 8


@dataclass(frozen=True)
class Piece:
    """A part of a file: the first `size` bytes of what lies at `place`, which is a piece or the file itself."""

    place: str
    size: int


Chain = tuple[Piece, ...]
"""A file that grows, piece by piece."""


def grows(place: str) -> bool:
    """Whether a file is one that lines are added to."""
    return place.endswith(".jsonl")


def size_of(chain: Iterable[Piece]) -> int:
    """The bytes of a file."""
    return sum(piece.size for piece in chain)


def behind(chain: Chain, size: int) -> tuple[Chain, int]:
    """Which pieces stay where a file becomes `size` bytes long, and from where on it goes up again."""
    staying, begin = list(chain), size_of(chain)
    while staying and staying[-1].size <= min(size - begin, LARGE) and staying[-1].place.startswith(PIECES):
        begin -= staying.pop().size
    return tuple(staying), begin


def ledger_place(number: int) -> str:
    """Where the ledger of the driver with this number lies."""
    return f"{BESIDE}/{_LEDGER}{number:0{_DIGITS}d}.json"


def ledgers_in(names: Iterable[str]) -> list[int]:
    """The numbers of the ledgers among the names of files beside a run, rising."""
    return numbers_in(names, _LEDGER)


def numbers_in(names: Iterable[str], kind: str) -> list[int]:
    """The numbers in names such as `ledger-00000007.json`, rising."""
    found = (name.removeprefix(kind).removesuffix(".json") for name in names if name.startswith(kind))
    return sorted(int(text) for text in found if text.isdecimal())


def ledger_bytes(chains: Mapping[str, Chain]) -> bytes:
    """The file of a ledger."""
    files = {place: [[piece.place, piece.size] for piece in chain] for place, chain in sorted(chains.items())}
    return json.dumps({"files": files}, indent=1).encode()


def chains_in(content: bytes, where: str) -> dict[str, Chain]:
    """What a ledger holds; `RunError` where it is damaged."""
    try:
        files: Any = json.loads(content)["files"]
        chains = {
            str(place): tuple(Piece(str(name), int(size)) for name, size in pieces) for place, pieces in files.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"expected a ledger of the files that grow at {where}, got {type(error).__name__}: {error}; the run there "
            "cannot be read: choose another --out"
        ) from error
    names = [*chains, *(piece.place for chain in chains.values() for piece in chain)]
    if odd := next((name for name in names if name.startswith("/") or ".." in name.split("/")), None):
        raise RunError(f"expected places below the run in {where}, got {odd!r}; choose another --out")
    return chains
