"""Where every key stands: not yet leased, to be leased anew, held by workers, answered or given up."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Mapping, Sequence

from foolscape.cluster.doubts import Doubts
from foolscape.cluster.leases import Held
from foolscape.errors import SettingError

_DEAR = 5.0
"""So many times as dear as the mean."""

_ANSWERED = 1
_GIVEN_UP = 2


class Keys:
    """Keys by their place in the given order. A million of them take some 150 MB, of which the texts are most.

    `doubts`: what speaks against them, see `Doubts`, and for `least` there, too.
    """

    def __init__(self, keys: Sequence[str], costs: Mapping[str, float] | None, least: int) -> None:
        self.names = tuple(keys)
        self.places = {key: place for place, key in enumerate(self.names)}
        if len(self.places) < len(self.names):
            raise SettingError(f"expected keys that differ, got {len(self.names) - len(self.places)} of them twice")
        self.costs = array("d", (1.0 if costs is None else costs[key] for key in self.names))
        if any(not 0 < cost < float("inf") for cost in self.costs):
            raise SettingError("expected costs of keys to be positive and finite, got others")
        self.open = len(self.names)
        self._rest = sum(self.costs)
        self._order = _dear_first(self.costs)
        self._next = 0
        self._ends = bytearray(len(self.names))
        self._again: deque[int] = deque()
        self._doubted: deque[int] = deque()
        self._queued: set[int] = set()
        self._holders: dict[int, list[Held]] = {}
        self.doubts = Doubts(len(self.names), least)

    @property
    def waiting(self) -> int:
        """How many keys no worker holds, roughly: some of those to be leased anew may have been answered meanwhile."""
        return len(self.names) - self._next + len(self._queued)

    @property
    def waiting_cost(self) -> float:
        """What the keys cost that were never leased."""
        return max(self._rest, 0.0)

    def is_open(self, place: int) -> bool:
        """Whether a key still wants an answer."""
        return not self._ends[place]

    def holders(self, place: int) -> Sequence[Held]:
        """The leases with this key, unanswered."""
        return self._holders.get(place, ())

    def take(self, worker: str) -> int | None:
        """The next key that nothing speaks against, to be held by `worker`; keys to be leased anew come first."""
        while self._again:
            place = self._again.popleft()
            if place in self.doubts and self.is_open(place):
                self._doubted.append(place)
                continue
            self._queued.discard(place)
            # One that this worker holds itself was to be taken from it, but it has begun to answer again.
            if self.is_open(place) and all(held.worker != worker for held in self.holders(place)):
                return place
        if self._next == len(self.names):
            return None
        place = self._order[self._next]
        self._next += 1
        self._rest -= self.costs[place]
        return place

    def take_doubted(self, worker: str) -> int | None:
        """The next key that was held at a death, for a lease of its own."""
        for _ in range(len(self._doubted)):
            place = self._doubted.popleft()
            if not self.is_open(place):
                self._queued.discard(place)
            elif any(held.worker == worker for held in self.holders(place)):
                self._doubted.append(place)
            else:
                self._queued.discard(place)
                return place
        return None

    def hold(self, place: int, held: Held) -> None:
        """A key is part of a lease now."""
        held.keys[place] = None
        self._holders.setdefault(place, []).append(held)

    def release(self, place: int, held: Held) -> None:
        """A lease has come to an end with this key in it."""
        holders = self._holders.get(place)
        if holders is not None and held in holders:
            holders.remove(held)
            if not holders:
                del self._holders[place]

    def answer(self, place: int) -> bool:
        """An answer is there; False if one was before, or the key was given up."""
        if not self.is_open(place):
            return False
        self._ends[place] = _ANSWERED
        self.open -= 1
        self.doubts.answered(place)
        return True

    def give_up(self, place: int) -> None:
        """No answer is wanted any more."""
        self._ends[place] = _GIVEN_UP
        self.open -= 1
        self.doubts.given_up(place)

    def queue(self, place: int) -> None:
        """Have a key leased again, once: soon, or alone and after all others if a worker died of it, perhaps."""
        if place in self._queued:
            return
        self._queued.add(place)
        if place in self.doubts:
            self._doubted.append(place)
        else:
            self._again.append(place)


def _dear_first(costs: Sequence[float]) -> Sequence[int]:
    """The order in which keys are begun: as given, but first those that others would be waiting for at the end."""
    places = range(len(costs))
    limit = _DEAR * sum(costs) / max(len(costs), 1)
    dear = sorted((place for place in places if costs[place] > limit), key=lambda place: -costs[place])
    if not dear:
        return places
    return array("q", (*dear, *(place for place in places if costs[place] <= limit)))
