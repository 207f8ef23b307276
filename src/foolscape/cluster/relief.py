"""At the end, when nothing waits: whose keys an idle worker does, too, so that none has to be waited for."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heapreplace

from foolscape.cluster.keys import Keys
from foolscape.cluster.leases import Held, Member
from foolscape.cluster.pace import Pace


def expected_seconds(held: Held, keys: Keys, pace: Pace) -> float | None:
    """Seconds that a lease takes from where it stands; None before the first answer of any worker."""
    usual = pace.of(held.worker)
    return None if usual is None else usual * sum(keys.costs[place] for place in held.keys)


class Relief:
    """The workers that have something before them at an instant, first the one that has most."""

    def __init__(self, members: Mapping[str, Member], keys: Keys, pace: Pace, now: float) -> None:
        self._members, self._keys, self._pace = members, keys, pace
        # A heap, of seconds that are negative.
        self._burdens = [
            (now - member.leases[0].begun - self._burden(member), member.name)
            for member in members.values()
            if member.leases and not member.late and not member.leases[0].alone
        ]
        heapify(self._burdens)

    def taken(self, worker: str) -> list[int]:
        """A key of the worker that would be the last to end, if `worker`, idle, would end sooner with it."""
        pace = self._pace.of(worker)
        while self._burdens and pace is not None:
            left, name = -self._burdens[0][0], self._burdens[0][1]
            place = self._last(name)
            if place is None:
                heappop(self._burdens)
                continue
            cost = self._keys.costs[place]
            if pace * cost >= left:
                return []
            heapreplace(self._burdens, (cost * (self._pace.of(name) or 0.0) - left, name))
            return [place]
        return []

    def _burden(self, member: Member) -> float:
        return sum(expected_seconds(held, self._keys, self._pace) or 0.0 for held in member.leases)

    def _last(self, worker: str) -> int | None:
        """The key that a worker comes to last, of those that no other has; workers go through a lease in order."""
        for held in reversed(self._members[worker].leases):
            for place in reversed(held.keys):
                if self._keys.is_open(place) and len(self._keys.holders(place)) == 1:
                    return place
        return None
