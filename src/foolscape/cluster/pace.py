"""How fast workers are: seconds per unit of cost, as measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PRIOR: Final = 2.0
"""How many keys of middling cost the pace of all counts for in that of one worker."""

_WORKER_MEMORY: Final = 0.97
_MEMORY: Final = 0.999
"""What a measurement is worth after the next one: a worker's pace is that of its last thirty keys or so."""


@dataclass
class _Sums:
    seconds: float = 0.0
    cost: float = 0.0
    keys: float = 0.0

    def add(self, seconds: float, cost: float, memory: float) -> None:
        self.seconds = self.seconds * memory + seconds
        self.cost = self.cost * memory + cost
        self.keys = self.keys * memory + 1


class Pace:
    """Seconds per unit of cost, of each worker and of all; of a worker with few answers, nearly that of all."""

    def __init__(self) -> None:
        self._all = _Sums()
        self._workers: dict[str, _Sums] = {}
        self._extreme = 1.0

    def measured(self, worker: str, cost: float, seconds: float) -> None:
        """A key of `cost` took `worker` so long."""
        pace = self.of(worker)
        if pace:
            self._extreme = max(self._extreme * _MEMORY, seconds / (cost * pace))
        self._all.add(seconds, cost, _MEMORY)
        self._workers.setdefault(worker, _Sums()).add(seconds, cost, _WORKER_MEMORY)

    @property
    def extreme(self) -> float:
        """How many times as long as was to be expected a key took, at the most, of the last thousand or so."""
        return self._extreme

    def forget(self, worker: str) -> None:
        """A worker that is gone."""
        self._workers.pop(worker, None)

    @property
    def usual(self) -> float | None:
        """Of all workers; None before the first answer."""
        return self._all.seconds / self._all.cost if self._all.cost > 0 else None

    def of(self, worker: str) -> float | None:
        """Of one worker; None before the first answer of any."""
        usual = self.usual
        if usual is None:
            return None
        own = self._workers.get(worker)
        if own is None:
            return usual
        prior = _PRIOR * self._all.cost / self._all.keys
        return (own.seconds + usual * prior) / (own.cost + prior)
