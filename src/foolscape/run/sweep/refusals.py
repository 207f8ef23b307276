"""Why cells cannot be: a value that is wrong wherever it is used, or things that do not go together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from foolscape.errors import SettingError
from foolscape.run.settings.attack_options import options_in
from foolscape.run.sweep.lists import Entry, Lists
from foolscape.run.sweep.rules import EXCLUDE

_MOST_NAMED: Final = 5
"""Cells that an error names."""

Place = tuple[int, ...]
"""Of seed, attack, data and model in the lists."""

_ATTACK, _DATA = 1, 2


@dataclass
class Refusals:
    """The cells of `lists` that cannot be, all of which are told at once."""

    lists: Lists
    _tried: Counter[tuple[int, int]] = field(default_factory=Counter)
    _refused: list[tuple[Place, str, str]] = field(default_factory=list)

    def tried(self, place: Place) -> None:
        """This cell was tried."""
        self._tried.update((kind, place[kind]) for kind in (_ATTACK, _DATA))

    def add(self, place: Place, title: str, reason: str) -> None:
        """A cell that was tried cannot be."""
        self._refused.append((place, title, reason))

    def tell(self) -> None:
        """`SettingError` if there are any; where a value of the file is at fault, it is that value's."""
        for reason in dict.fromkeys(reason for _, _, reason in self._refused):
            if (where := self._where(reason)) is not None:
                raise SettingError(f"{where}{reason}")
        if not self._refused:
            return
        cells = [f"{title}: {reason}" for _, title, reason in self._refused]
        more = f"; and {len(cells) - _MOST_NAMED} more" if len(cells) > _MOST_NAMED else ""
        named = "; ".join(cells[:_MOST_NAMED])
        raise SettingError(
            f"expected cells that can be measured, got {len(cells)} that cannot: {named}{more}. Leave them out by "
            f"{EXCLUDE}, such as {EXCLUDE}: [{{model: MODEL, attack: ATTACK}}]"
        )

    def _where(self, reason: str) -> str | None:
        """Where in the file the value stands that a reason begins with, if all cells with it fail for that."""
        name = reason.partition(":")[0]
        for kind, listed, entries in ((_DATA, "data", self.lists.data), (_ATTACK, "attacks", self.lists.attacks)):
            at = self._all_of(kind, reason)
            if at and all(_has(entries[one], name) for one in at):
                return f"{listed}, number {at[0] + 1} ({entries[at[0]].name}): "
        shared = self.lists.shared
        return "" if (name in shared or name in options_in(shared)) and self._all_of(_ATTACK, reason) else None

    def _all_of(self, kind: int, reason: str) -> Sequence[int]:
        """The attacks, or data, of the cells with this reason, if no cell with one of them is without it."""
        found = Counter(place[kind] for place, _, told in self._refused if told == reason)
        return sorted(found) if all(found[one] == self._tried[kind, one] for one in found) else ()


def _has(entry: Entry, name: str) -> bool:
    """Whether a data set or an attack has a setting of its own of this name."""
    return name in entry.settings or name in options_in(entry.settings)
