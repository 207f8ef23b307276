"""Leases that workers hold."""

from __future__ import annotations

from dataclasses import dataclass, field


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
