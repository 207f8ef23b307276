"""Archives that belong together, by one name: `shards-{000..003}.tar`, `shards-*.tar`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from foolscape.errors import SettingError

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
_MOST: Final = 10_000
"""Archives that one name may stand for."""


def has_stars(name: str) -> bool:
    """Whether `name` is matched with what is there, as it says not how many there are."""
    return any(character in name for character in "*[")


def expanded(name: str) -> list[str]:
    """The names that one with braces stands for, `{000..003}` or `{a,b}`, in order; raises `SettingError` for many."""
    names: list[str] = []
    for one in _expanded(name):
        names.append(one)
        if len(names) > _MOST:
            raise SettingError(f"expected at most {_MOST} archives, got more in {name}; name fewer")
    return names


def _expanded(name: str) -> Iterator[str]:
    match = _BRACES.search(name)
    if match is None:
        yield name
        return
    span = _RANGE.fullmatch(match[1])
    if span is not None:
        numbers = range(int(span[1]), int(span[2]) + 1)
        parts: Iterator[str] = (str(number).zfill(len(span[1])) for number in numbers)
    else:
        parts = iter(match[1].split(","))
    for part in parts:
        yield from _expanded(name[: match.start()] + part + name[match.end() :])
