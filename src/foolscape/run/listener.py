"""Whom a run tells of its progress, whatever kind of run it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from foolscape.cluster.pool import Pool
from foolscape.errors import OutOfTimeError
from foolscape.records.progress import Foreseen, WholeProgress
from foolscape.records.row import Failure, Line


def never() -> bool:
    """For a run that has all the time it takes."""
    return False


@dataclass(frozen=True)
class Settled:
    """An image that is done for a model, or given up.

    Attributes:
        model: its spec; None where the image failed whatever the model.
        id: of the image.
        seconds: that the attack took; None without one.
        success: whether the model is fooled; None where there was nothing to fool.
        reason: why it could not be measured; None where it could.
    """

    model: str | None
    id: str
    seconds: float | None = None
    success: bool | None = None
    reason: str | None = None


def settled_of(rows: Sequence[Line], seconds: float | None) -> Settled:
    """What the rows of a sample say of it; where it was attacked within several bounds, at the largest."""
    first = rows[0]
    if isinstance(first, Failure):
        return Settled(first.model, first.id, reason=first.reason)
    results = [row.attack for row in rows if not isinstance(row, Failure) and row.attack is not None]
    return Settled(first.model, first.id, seconds, results[-1].success if results else None)


def _unheard(_: object) -> None:
    """For those who do not want to know."""


@dataclass(frozen=True)
class Listener:
    """Whom a run tells of its progress.

    Attributes:
        say: takes a remark, one line.
        progress: (title, total, done) -> a context that gives the function to call for every sample settled.
        enough: whether the time that the run was given is over; it then ends at the next whole image, or epoch.
        phase: takes what the run does from now on, in a few words, beside what `progress` tells.
        settled: takes every sample that is settled, before the function of `progress` is called.
        foreseen: takes what a run is estimated to take before it measures, and again with what it took; None: no
            estimate is made, for it asks the model.
        whole: takes how many are done of the runs of a command that has several, told as each begins and ends.
        crew: takes the workers of the run when they are there, and None when they have ended.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], AbstractContextManager[Callable[[str], None]]]
    enough: Callable[[], bool] = never
    phase: Callable[[str], None] = _unheard
    settled: Callable[[Settled], None] = _unheard
    foreseen: Callable[[Foreseen], None] | None = None
    whole: Callable[[WholeProgress], None] = _unheard
    crew: Callable[[Pool | None], None] = _unheard

    def within(self, seconds: float | None) -> Listener:
        """The same, with so many seconds from now on, after which the run is to stop; None: all that it takes.

        Each process does at least one image, or epoch, so that a time that is too short makes no endless row of
        processes that do nothing.
        """
        if seconds is None:
            return self
        end, settled = time.monotonic() + seconds, [0]

        @contextmanager
        def counted(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
            with self.progress(title, total, done) as tick:

                def count(name: str) -> None:
                    settled[0] += 1
                    tick(name)

                yield count

        return replace(self, progress=counted, enough=lambda: settled[0] > 0 and time.monotonic() >= end)

    def stop_if_enough(self) -> None:
        """`OutOfTimeError` where the time is over."""
        if self.enough():
            raise OutOfTimeError("the time budget is spent; the same command goes on from here")

    def heard(self, rows: Sequence[Line], seconds: float | None) -> None:
        """The rows of a sample are on the disk; `RunStore.heard`."""
        self.settled(settled_of(rows, seconds))
