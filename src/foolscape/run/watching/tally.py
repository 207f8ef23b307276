"""What a command has told of itself so far, added up for those who watch."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

from foolscape.cluster.pool import Pool
from foolscape.records.progress import Foreseen, PartProgress, Progress, WholeProgress, WorkerGone, WorkerProgress
from foolscape.records.schema import SCHEMA
from foolscape.run.listener import Listener, Settled
from foolscape.run.watching.process import born, most_memory
from foolscape.run.watching.speed import Speed, rate_of

OPENING: Final = "opening models and data"
"""What every command does first."""

_SHOWN: Final = 20
"""Of the workers that are gone, so many are named."""


@dataclass
class _Part:
    """A part under way: how fast, since when, and until when where it has ended."""

    title: str
    done: int
    total: int
    speed: Speed
    begun: float
    ended: float | None = None
    failures: int = 0


@dataclass
class Tally:
    """Counts what a `Listener` is told; may be read in another thread.

    Attributes:
        command: such as run.
        now: a clock that does not jump, in seconds.
        outcomes: images settled in this call, by model and by what came of them: fooled, not fooled, measured, failed.
        estimate: what was foreseen, if it was.
    """

    command: str
    now: Callable[[], float] = time.monotonic
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    estimate: Foreseen | None = None

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._begun, self._started = self.now(), _wall()
        self._phase = OPENING
        self._parts: list[_Part] = []
        self._whole: WholeProgress | None = None
        self._pool: Pool | None = None
        self._gone: list[WorkerGone] = []
        self._state: Literal["running", "finished", "stopped"] = "running"
        self._reason = ""

    def listening(self, listener: Listener) -> Listener:
        """Tells `listener` all that it is told, and counts it."""

        @contextmanager
        def progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
            with listener.progress(title, total, done) as tick, self._through(title, total, done) as count:

                def both(name: str) -> None:
                    count()
                    tick(name)

                yield both

        def phase(text: str) -> None:
            self.phase(text)
            listener.phase(text)

        def settled(one: Settled) -> None:
            self.settled(one)
            listener.settled(one)

        def whole(one: WholeProgress) -> None:
            self.whole(one)
            listener.whole(one)

        def crew(pool: Pool | None) -> None:
            self.crew(pool)
            listener.crew(pool)

        def foreseen(estimate: Foreseen) -> None:
            self.estimate = estimate
            if listener.foreseen is not None:
                listener.foreseen(estimate)

        return replace(
            listener, progress=progress, phase=phase, settled=settled, foreseen=foreseen, whole=whole, crew=crew
        )

    @contextmanager
    def _through(self, title: str, total: int, done: int) -> Iterator[Callable[[], None]]:
        """A part from its beginning to its end."""
        begun = self.now()
        part = _Part(title, done, total, Speed(begun), begun)
        with self._lock:
            self._phase = title
            self._parts.append(part)

        def count() -> None:
            with self._lock:
                part.done += 1
                part.speed.settle(self.now())

        try:
            yield count
        finally:
            with self._lock:
                part.ended = self.now()

    def phase(self, text: str) -> None:
        """What is done now."""
        with self._lock:
            self._phase = text

    def whole(self, one: WholeProgress) -> None:
        """One of several runs begins, or has ended."""
        with self._lock:
            self._whole = one

    def settled(self, one: Settled) -> None:
        """An image is done, or given up."""
        with self._lock:
            self.outcomes[one.model or "", outcome_of(one)] += 1
            if one.reason is not None and self._parts:
                self._parts[-1].failures += 1

    def outcomes_now(self) -> dict[tuple[str, str], int]:
        """What came of the images so far; see `outcomes`."""
        with self._lock:
            return dict(self.outcomes)

    def crew(self, pool: Pool | None) -> None:
        """Workers begin; with None they have ended."""
        with self._lock:
            if self._pool is not None:
                self._gone.extend(_gone_of(self._pool))
            self._pool = pool

    def ended(self, state: Literal["finished", "stopped"], reason: str = "") -> None:
        """The command ends: all is done, or it stops because of `reason`."""
        with self._lock:
            self._state, self._reason = state, reason

    def progress(self) -> Progress:
        """What there is to say now."""
        with self._lock:
            now = self.now()
            workers = () if self._pool is None else _workers_of(self._pool)
            gone = [*self._gone, *(() if self._pool is None else _gone_of(self._pool))]
            last = self._parts[-1] if self._parts else None
            under_way = last is not None and last.ended is None and self._state == "running"
            rate = (rate_of(workers) or last.speed.rate(now)) if last is not None and under_way else None
            return Progress(
                schema=SCHEMA,
                command=self.command,
                state=self._state,
                reason=self._reason,
                phase=self._phase,
                parts=tuple(_said_of(part, now) for part in self._parts),
                rate=None if rate is None else float(f"{rate:.4g}"),
                left=round((last.total - last.done) / rate, 1) if last is not None and rate else None,
                whole=self._whole,
                workers=workers,
                gone=tuple(gone[-_SHOWN:]),
                gone_count=len(gone),
                failures=sum(count for (_, outcome), count in self.outcomes.items() if outcome == FAILED),
                started=self._started,
                updated=_wall(),
                seconds=round(now - self._begun, 1),
                pid=os.getpid(),
                host=socket.gethostname(),
                born=born(os.getpid()),
                memory=most_memory(),
                estimate=self.estimate,
            )


FAILED: Final = "failed"
"""The outcome of an image that could not be measured."""


def outcome_of(one: Settled) -> str:
    """What came of an image: failed, fooled, not fooled, or measured where there was nothing to fool."""
    if one.reason is not None:
        return FAILED
    return "measured" if one.success is None else "fooled" if one.success else "not fooled"


def _said_of(part: _Part, now: float) -> PartProgress:
    seconds = round((now if part.ended is None else part.ended) - part.begun, 1)
    return PartProgress(
        title=part.title, done=part.done, total=part.total, failures=part.failures, seconds=seconds
    )  # fmt: skip


def _workers_of(pool: Pool) -> tuple[WorkerProgress, ...]:
    return tuple(
        WorkerProgress(
            worker=one.name,
            node=one.node,
            device=one.device,
            answered=one.answered,
            pace=None if one.pace is None else float(f"{one.pace * pool.mean_cost:.4g}"),
        )
        for one in pool.workers()
    )


def _gone_of(pool: Pool) -> list[WorkerGone]:
    return [
        *(WorkerGone(event="lost", worker=one.worker, node=one.node, reason=one.reason) for one in list(pool.losses)),
        *(
            WorkerGone(event="refused", worker=one.worker, node=one.node, reason=one.reason)
            for one in list(pool.refusals)
        ),
    ]


def _wall() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
