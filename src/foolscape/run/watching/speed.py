"""How fast images are settled: by the last ones, or by what workers need."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from foolscape.records.progress import WorkerProgress

_MARKS: Final = 60
"""So many of the last images count, or what was settled in as many seconds where there are more."""
_APART: Final = 1.0
"""Seconds between two marks."""


class Speed:
    """Images per second of a part that begins now; all times are of a clock that does not jump.

    Args:
        now: when it begins.
    """

    def __init__(self, now: float) -> None:
        self._settled = 0
        self._marks: deque[tuple[float, int]] = deque([(now, 0)], maxlen=_MARKS)

    def settle(self, now: float) -> None:
        """One more image."""
        self._settled += 1
        if len(self._marks) > 1 and now - self._marks[-2][0] < _APART:
            self._marks.pop()
        self._marks.append((now, self._settled))

    def rate(self, now: float) -> float | None:
        """Images per second by the last ones, fewer where the next one is late; None before the first."""
        (begun, before), (last, settled) = self._marks[0], self._marks[-1]
        count = settled - before
        if not count:
            return None
        usual = (last - begun) / count
        seconds = max(last, now - usual) - begun
        return count / seconds if seconds > 0 else None


def rate_of(workers: Iterable[WorkerProgress]) -> float | None:
    """Images per second of workers together; None before the first answer."""
    rate = sum(1 / worker.pace for worker in workers if worker.pace)
    return rate or None
