"""What speaks against keys: workers that died while they were at them; and how much of that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_CHANCE: Final = 1e-3
"""How likely it may be that any key at all is given up for deaths that had other causes."""

_MORE: Final = 5
"""So many deaths more than usual a key may be asked for at the most."""


@dataclass(eq=False)
class _Death:
    """Of a worker: how many of the keys that it was at may still have caused it, and whether it was at one alone."""

    suspects: int
    alone: bool


class Doubts:
    """The deaths that each key may have caused.

    A key is given up after `least` deaths that met it alone. A death whose keys have all been answered since had
    another cause: where there are such, workers die at random, too, some key may be met several times, and more deaths
    are asked for, as many as make it unlikely that any key at all is given up by chance.

    Args:
        keys: how many there are.
        least: how many deaths a key is given up after, at the least.
    """

    def __init__(self, keys: int, least: int) -> None:
        self._keys = keys
        self._least = least
        self._deaths: dict[int, list[_Death]] = {}
        self._others = 0
        self._leases = 0

    def __contains__(self, place: int) -> bool:
        return place in self._deaths

    def lease_done(self) -> None:
        """A lease was gone through without a death."""
        self._leases += 1

    def died(self, places: Sequence[int]) -> None:
        """A worker died while it was at these keys."""
        if not places:
            self._others += 1
        death = _Death(len(places), len(places) == 1)
        for place in places:
            self._deaths.setdefault(place, []).append(death)

    def answered(self, place: int) -> None:
        """A key was answered: it was not at fault."""
        for death in self._deaths.pop(place, ()):
            death.suspects -= 1
            self._others += death.suspects == 0

    def given_up(self, place: int) -> None:
        """A key was at fault."""
        self._deaths.pop(place, None)

    def against(self, place: int) -> int:
        """How many workers died while they were at this key alone."""
        return sum(death.alone for death in self._deaths.get(place, ()))

    def are_enough(self, place: int) -> bool:
        """Whether a key is to be given up."""
        asked = self._least
        chance = min(self._others / max(self._leases, 1), 0.5)
        while asked < self._least + _MORE and self._keys * chance**asked > _CHANCE:
            asked += 1
        return self.against(place) >= asked
