"""How right earlier estimates on this machine were: a short file in the user's cache, with no name of theirs in it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from foolscape.disk import append_file, read_file, write_file
from foolscape.errors import UnwritableError
from foolscape.records.types import CLOSED, dumped, read, to_json
from foolscape.stores.cache import cache_folder

NAME: Final = "estimates.jsonl"

_KEPT: Final = 200
"""Lines that stay when there are twice as many."""

_COUNTED: Final = 9
"""Of the last runs of a kind, so many say by how much an estimate is corrected."""

TOLD: Final = 5
"""Of these, so many say how wrong estimates are."""

_SHORTER: Final = 4
"""A run that was estimated at less than one in so many of another's seconds says nothing of that one: what it took
went into beginning and ending, such as that of workers, which does not grow with the images."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An estimate, and what it came to.

    Attributes:
        kind: of the run: where its models are from, attack, device, workers.
        raw: seconds, as gradients alone say.
        told: seconds, as they were corrected.
        took: seconds.
    """

    __pydantic_config__ = CLOSED

    kind: str
    raw: float
    told: float
    took: float


@dataclass(frozen=True)
class Experience:
    """What earlier runs of a kind say.

    Attributes:
        ratio: what runs take, as a multiple of what gradients say; 1 without any.
        shares: the last estimates as shares of what it took.
    """

    ratio: float
    shares: tuple[float, ...]


def folder() -> Path:
    """Where the file is."""
    return Path(cache_folder())


def experience(kind: str, raw: float) -> Experience:
    """Of runs of this kind on this machine that were not much shorter; none where nothing can be read.

    Args:
        kind: as `Outcome.kind`.
        raw: seconds, as gradients alone say, of the run that is to be estimated.
    """
    shortest = raw / _SHORTER
    alike = [one for one in _outcomes() if one.kind == kind and min(one.raw, one.told, one.took) > 0]
    alike = [one for one in alike if one.raw >= shortest]
    if not alike:
        return Experience(1.0, ())
    ratio = median(one.took / one.raw for one in alike[-_COUNTED:])
    return Experience(ratio, tuple(one.told / one.took for one in alike[-TOLD:]))


def remember(outcome: Outcome) -> None:
    """Add an outcome; where nothing can be written nothing is."""
    with suppress(OSError, UnwritableError):
        append_file(folder(), NAME, dumped(to_json(Outcome, outcome)))
        kept = _outcomes()
        if len(kept) > 2 * _KEPT:
            lines = (dumped(to_json(Outcome, one)) for one in kept[-_KEPT:])
            write_file(folder(), NAME, b"".join(lines))


def _outcomes() -> list[Outcome]:
    """All that can be read; lines that are torn or of another form are left out."""
    try:
        lines = read_file(folder() / NAME).splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):
            found.append(read(Outcome, json.loads(line)))
    return found
