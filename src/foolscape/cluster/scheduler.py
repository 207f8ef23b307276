"""Who works on which keys: leases and how long they may take, who is overtaken, what a death costs.

A state machine without threads and without a clock: whoever drives it, an engine or a simulation, hands in what
happened and the time, in seconds of a clock that does not jump.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from foolscape.cluster.job import Difference, GivenUp, Loss
from foolscape.cluster.keys import Keys
from foolscape.cluster.leases import Held, LeaseSettings, Member
from foolscape.cluster.pace import Pace
from foolscape.cluster.relief import Relief, expected_seconds
from foolscape.errors import RunError


@dataclass(frozen=True)
class Grant:
    """A lease to be handed to a worker."""

    worker: str
    lease: int
    keys: tuple[str, ...]


_HUNG = 20.0
"""How many times as long as was to be expected a worker may be silent, beside `LeaseSettings.silence`."""


class Scheduler:
    """Leases of keys to workers that come and go.

    Args:
        keys: what is to be answered, in this order, but for the dearest; all differ.
        costs: by key, in any unit; without them all keys are taken to cost the same.
        settings: how they are leased.
        pace: what is known of workers from before.
        first_lease: the number of the first lease; those of several schedulers of a pool must differ.

    Attributes:
        losses: the workers that died.
        differences: keys that were answered differently.
    """

    def __init__(
        self,
        keys: Sequence[str],
        costs: Mapping[str, float] | None,
        settings: LeaseSettings,
        pace: Pace | None = None,
        first_lease: int = 0,
    ) -> None:
        self._keys = Keys(keys, costs, settings.deaths)
        self._settings = settings
        self._pace = pace or Pace()
        self.first_lease = self.next_lease = first_lease
        self._members: dict[str, Member] = {}
        self._leases: dict[int, Held] = {}
        self._ready: dict[str, None] = {}
        self._digests: dict[int, tuple[str, str]] = {}
        self._given_up: list[GivenUp] = []
        self.losses: list[Loss] = []
        self.differences: list[Difference] = []

    @property
    def finished(self) -> bool:
        """Whether every key is answered or given up."""
        return self._keys.open == 0

    @property
    def open(self) -> int:
        """How many keys still want an answer."""
        return self._keys.open

    def joined(self, worker: str, node: str) -> None:
        """A worker takes part from now on."""
        self._members[worker] = Member(worker, node)
        self._ready[worker] = None

    def is_shared(self, key: str) -> bool:
        """Whether a key is, or was, with several workers, so that the digest of an answer says whether they agree."""
        place = self._keys.places[key]
        return place in self._digests or len(self._keys.holders(place)) > 1

    def answered(self, worker: str, lease: int, key: str, seconds: float, now: float, digest: str = "") -> bool:
        """An answer has come; whether it counts, for it is the first.

        Raises:
            RunError: there is no such key.
        """
        place = self._keys.places.get(key)
        if place is None:
            raise RunError(f"expected answers to the keys of a lease, got one to {key!r} from {worker}; mend the job")
        shared = self.is_shared(key)
        held = self._leases.get(lease)
        if held is not None and place in held.keys:
            del held.keys[place]
            self._keys.release(place, held)
            held.begun = now
            self._pace.measured(worker, self._keys.costs[place], seconds)
            self._stirs(worker)
        first = self._keys.answer(place)
        if shared and digest:
            before = self._digests.setdefault(place, (worker, digest))
            if before[1] != digest:
                self.differences.append(Difference(key, before[0], worker))
        return first

    def lease_done(self, lease: int, now: float) -> None:
        """A worker has gone through a lease; keys without an answer count as if it had died of them."""
        held = self._leases.pop(lease, None)
        if held is None:
            return
        member = self._members[held.worker]
        member.leases.remove(held)
        if member.leases:
            member.leases[0].begun = now
        passed = [place for place in held.keys if self._keys.is_open(place)]
        if passed:
            self._keys.doubts.died(passed)
        else:
            self._keys.doubts.lease_done()
        self._lose(held, f"{held.worker} on {member.node} did not answer it")
        self._stirs(held.worker)

    def left(self, worker: str, reason: str, now: float) -> Loss | None:
        """A worker died: what it held is leased anew, or given up. None for one that did not take part."""
        member = self._members.pop(worker, None)
        if member is None:
            return None
        self._ready.pop(worker, None)
        self._pace.forget(worker)
        lost = [place for held in member.leases for place in held.keys if self._keys.is_open(place)]
        self._keys.doubts.died(self._at(member))
        for held in member.leases:
            del self._leases[held.number]
            self._lose(held, f"{worker} on {member.node}: {reason}")
        loss = Loss(worker, member.node, now, reason, tuple(self._keys.names[place] for place in lost))
        self.losses.append(loss)
        return loss

    def given_up(self) -> list[GivenUp]:
        """The keys given up since this was last asked."""
        given, self._given_up = self._given_up, []
        return given

    def grants(self, now: float) -> Iterator[Grant]:
        """The leases that are to be handed out now."""
        ready, self._ready = self._ready, {}
        relief = None if self._keys.waiting else Relief(self._members, self._keys, self._pace, now)
        for worker in ready:
            while (grant := self._grant(self._members[worker], relief, now)) is not None:
                yield grant

    def tick(self, now: float) -> list[str]:
        """See to what comes with time alone; to be called every second or so.

        Keys of overdue leases are leased a second time.

        Returns:
            Workers that have been silent for so long that they are to be ended.
        """
        silent = []
        for member in self._members.values():
            if not member.leases:
                continue
            held = member.leases[0]
            silence = now - held.begun
            if silence < held.patience:
                continue
            expected = expected_seconds(held, self._keys, self._pace)
            held.patience = self._settings.slack * (expected or 0.0) + self._settings.grace
            if silence > max(self._settings.silence, _HUNG * (expected or 0.0)):
                silent.append(member.name)
            elif expected is not None and silence > max(held.patience, self._longest(held)):
                self._overdue(member)
        self._stir_idle()
        return silent

    def _stirs(self, worker: str) -> None:
        member = self._members.get(worker)
        if member is not None:
            member.late = False
            self._ready[worker] = None

    def _stir_idle(self) -> None:
        for member in self._members.values():
            if not member.leases:
                self._ready[member.name] = None

    def _at(self, member: Member) -> list[int]:
        """The keys that a worker is at: it goes through its leases, and through each of them, from first to last."""
        abreast = self._settings.abreast
        if self._settings.batch == 1:
            at = [place for held in member.leases for place in held.keys][:abreast]
        else:
            at = [place for held in member.leases[:abreast] for place in held.keys]
        return [place for place in at if self._keys.is_open(place)]

    def _lose(self, held: Held, reason: str) -> None:
        """What a lease still held, when it ends."""
        for place in held.keys:
            self._keys.release(place, held)
            if not self._keys.is_open(place) or self._keys.holders(place):
                continue
            if self._keys.doubts.are_enough(place):
                words = f"{self._keys.doubts.against(place)} workers died of it, the last: {reason}"
                self._given_up.append(GivenUp(self._keys.names[place], words))
                self._keys.give_up(place)
            else:
                self._keys.queue(place)
        if held.keys:
            self._stir_idle()

    def _overdue(self, member: Member) -> None:
        member.late = True
        for held in member.leases:
            for place in held.keys:
                if self._keys.is_open(place) and len(self._keys.holders(place)) == 1:
                    self._keys.queue(place)

    def _longest(self, held: Held) -> float:
        """Seconds that one key may take before a lease is overdue, as long as there is other work to be done."""
        if not self._keys.waiting or not held.keys:
            return 0.0
        cost = max(self._keys.costs[place] for place in held.keys)
        return self._settings.slack * self._pace.extreme * cost * (self._pace.of(held.worker) or 0.0)

    def _target(self) -> float:
        """What the next lease is to take in seconds: less towards the end, so that all workers end together."""
        rest = self._keys.waiting_cost * (self._pace.usual or 0.0)
        return min(self._settings.lease_seconds, rest / (2 * len(self._members)))

    def _grant(self, member: Member, relief: Relief | None, now: float) -> Grant | None:
        room = self._settings.keys_in_flight - sum(len(held.keys) for held in member.leases)
        if member.late or len(member.leases) > 1 or any(held.alone for held in member.leases):
            return None
        if member.leases:
            ahead = 2 * room >= self._settings.keys_in_flight and self._target() >= self._settings.lease_seconds
            return self._leased(member, self._taken(member, room), now) if ahead else None
        places = self._taken(member, max(self._settings.batch, self._settings.keys_in_flight // 2))
        if places:
            return self._leased(member, places, now)
        doubted = self._keys.take_doubted(member.name)
        if doubted is not None:
            return self._leased(member, [doubted], now, alone=True)
        return self._leased(member, [] if relief is None else relief.taken(member.name), now)

    def _taken(self, member: Member, room: int) -> list[int]:
        """Keys for a lease, as many as take what it is to take."""
        pace = self._pace.of(member.name)
        least = max(1, min(self._settings.batch, ceil(self._keys.waiting / len(self._members))))
        cost = 0.0 if pace is None else self._target() / max(pace, 1e-9)
        taken: list[int] = []
        spent = 0.0
        while len(taken) < room and (len(taken) < least or spent < cost or len(taken) % least):
            place = self._keys.take(member.name)
            if place is None:
                break
            taken.append(place)
            spent += self._keys.costs[place]
        return taken

    def _leased(self, member: Member, places: list[int], now: float, *, alone: bool = False) -> Grant | None:
        if not places:
            return None
        held = Held(self.next_lease, member.name, {}, now, alone)
        self.next_lease += 1
        for place in places:
            self._keys.hold(place, held)
        member.leases.append(held)
        self._leases[held.number] = held
        return Grant(member.name, held.number, tuple(self._keys.names[place] for place in places))
