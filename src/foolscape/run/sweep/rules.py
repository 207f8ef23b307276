"""`only` and `exclude` in the file of a sweep: which cells of its grid make sense."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from foolscape.errors import SettingError, unknown
from foolscape.pixels import Levels
from foolscape.spec import text_of

ONLY: Final = "only"
EXCLUDE: Final = "exclude"

KEYS: Final = ("model", "data", "attack", "eps", "seed")
"""What a rule may be about."""


@dataclass(frozen=True)
class Rule:
    """Cells by what they have: those that have for every key one of its values.

    Attributes:
        text: the rule as it was written, for messages.
        values: by key of `KEYS`; names may have `*` and `?` in them, as names of files.
    """

    text: str
    values: Mapping[str, tuple[str, ...]]

    def holds(self, names: Mapping[str, Sequence[str]], bound: str | None) -> bool:
        """Whether a cell is among them.

        Args:
            names: by key but `eps`, all that a cell may be called by.
            bound: one of its bounds; None where it has none of the sweep's.
        """
        return all(
            _is_bound(bound, wanted) if key == "eps" else any(_is_called(names[key], one) for one in wanted)
            for key, wanted in self.values.items()
        )


def rules_of(name: str, found: object) -> tuple[Rule, ...]:
    """The rules below `only` or `exclude`, a mapping or a list of them; raises `SettingError`."""
    if found is None:
        return ()
    return tuple(_rule(name, one) for one in (found if isinstance(found, list | tuple) else [found]))


def _rule(name: str, found: object) -> Rule:
    if not isinstance(found, Mapping) or not found:
        raise SettingError(
            f"{name}: expected mappings such as {{model: bundled:*, attack: ara}}, with some of {', '.join(KEYS)}, "
            f"got {found!r:.60}"
        )
    for key in found:
        if key not in KEYS:
            raise unknown(f"key in {name}", str(key), KEYS)
    values = {str(key): tuple(_values(name, str(key), value)) for key, value in found.items()}
    text = ", ".join(f"{key}: {' or '.join(wanted)}" for key, wanted in values.items())
    return Rule(f"{{{text}}}", values)


def _values(name: str, key: str, found: object) -> Iterator[str]:
    several = found if isinstance(found, list | tuple) else [found]
    if not several:
        raise SettingError(f"{name}: expected what {key} is to be, got an empty list")
    for one in several:
        value = text_of(one) if key in ("model", "data") else one
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise SettingError(f"{name}: expected {key} by name, got {value!r:.60}")
        if key == "eps":
            value = Levels.parse(str(value), f"{name}: eps")
        yield str(value)


def _is_bound(bound: str | None, wanted: Sequence[str]) -> bool:
    return bound is not None and bound in wanted


def _is_called(names: Sequence[str], wanted: str) -> bool:
    return any(name == wanted or fnmatchcase(name, wanted) for name in names)
