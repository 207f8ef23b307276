"""Leases: how they are made, and those that workers hold."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LeaseSettings:
    """How keys are leased.

    Args:
        keys_in_flight: of one worker at most, in at most two leases, so that it need not wait for the next; at least
            twice the batch for that.
        batch: how many keys a worker likes to answer at once; leases are multiples of it, but for the last.
        abreast: how many of what it does at once a worker may be at, when it dies: keys where the batch is 1, else
            leases; 2 where it finishes the last one while it works on the next.
        lease_seconds: what a lease is to take.
        slack: a lease that takes so many times as long as was to be expected, and `grace` seconds, is overdue, and
            its keys are given to another worker, too.
        grace: see `slack`.
        silence: a worker without an answer for so many seconds, and 20 times as long as was to be expected, is ended.
        deaths: a key that so many workers died of is given up; see `Doubts` for where workers die at random, too.
    """

    keys_in_flight: int = 16
    batch: int = 1
    abreast: int = 1
    lease_seconds: float = 10.0
    slack: float = 3.0
    grace: float = 5.0
    silence: float = 3600.0
    deaths: int = 3


@dataclass(eq=False)
class Held:
    """A lease that a worker holds.

    `keys`: places of the keys that the worker has not answered; `begun`: when it last answered one, or could begin;
    `patience`: the seconds since then in which nothing is asked; `alone`: of one key that was held at a death.
    """

    number: int
    worker: str
    keys: dict[int, None]
    begun: float
    alone: bool = False
    patience: float = 0.0


@dataclass
class Member:
    """A worker that takes part, and its leases, first the one that it works on; `late` while that is overdue."""

    name: str
    node: str
    leases: list[Held] = field(default_factory=list)
    late: bool = False
