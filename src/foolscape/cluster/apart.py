"""An engine in a process of its own, for one whose library prints, or ends the process that it is in."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import IO, Final

from foolscape.cluster.answering import in_short, portable
from foolscape.cluster.child import Share, Submit
from foolscape.cluster.engine import Event, Lasting
from foolscape.cluster.job import Lease
from foolscape.cluster.keeping import hold, kept, let_go
from foolscape.cluster.pipes import DriverGone, channels, end_group, heard, say
from foolscape.cluster.spawned import Ended, Inbox, Spawned, spawned
from foolscape.errors import FoolscapeError, RunError

_STOPPING: Final = 30.0
"""Seconds that an engine has to stop in."""

_RESTING: Final = 15.0
"""Seconds that an engine has to end a job in, before it is stopped."""

_AHEAD: Final = 64
"""Events that may wait for the driver."""

_GLANCE: Final = 0.005
"""Seconds between two looks at what the driver wants."""


@dataclass(frozen=True)
class BeginEngine:
    """The first that the process is told: the engine."""

    engine: Lasting


@dataclass(frozen=True)
class _Start:
    job: bytes


@dataclass(frozen=True)
class _Rest:
    pass


@dataclass(frozen=True)
class _End:
    worker: str
    reason: str


@dataclass(frozen=True)
class _Started:
    pass


@dataclass(frozen=True)
class _Rested:
    pass


@dataclass(frozen=True)
class _Expected:
    workers: int


@dataclass(frozen=True)
class _Failed:
    error: FoolscapeError


class _Running:
    """The process, which takes one job after the other; `keeping.Kept`."""

    def __init__(self, engine: Lasting, name: str, environment: Mapping[str, str]) -> None:
        self._name = name
        self._inbox = Inbox(_AHEAD)
        self._process = Spawned(spawned(__name__, environment), BeginEngine(engine), self._inbox)
        self._failed = False
        self._closed = False
        self.expected = 0
        self.free = True
        self.jobs = 0

    @property
    def gone(self) -> bool:
        """See `Kept`."""
        return self._failed or self._process.is_gone

    def send(self, message: object) -> None:
        """To the process."""
        self._process.send(message)

    def start(self, job: bytes) -> None:
        """Returns when the engine in the process has started."""
        self.free, self.expected = False, 0
        self.jobs += 1
        self.send(_Start(job))
        while not isinstance(self.said(1.0), _Started):
            pass

    def rest(self) -> None:
        """End the job; what cannot do that soon is of no more use, nor is what had not started."""
        self.send(_Rest())
        until = time.monotonic() + _RESTING
        with contextlib.suppress(FoolscapeError):
            while time.monotonic() < until:
                if isinstance(self.said(1.0), _Rested):
                    self.free = True
                    return
        self._failed = True

    def said(self, timeout: float) -> object | None:
        """The next that the process says, but for the number of workers, which is noted."""
        message = self._inbox.get(timeout)
        if message is None:
            return None
        _, said = message
        if isinstance(said, _Expected):
            self.expected = said.workers
            return None
        if isinstance(said, _Failed):
            self._failed = True
            raise said.error
        if isinstance(said, Ended):
            self._failed = True
            raise RunError(
                f"expected {self._name} to go on, got the end of the connection to it: {said.reason}; what was "
                "answered is kept: run the same command again to go on"
            )
        return said

    def close(self) -> None:
        """See `Kept`."""
        if not self._closed:
            self._closed = True
            self._inbox.close()
            self._process.close(_STOPPING)
            self._process.join()


class Apart:
    """`engine`, which must be picklable, in a process that ends with the driver; see `Engine`.

    Whatever ends that process is an error of the driver, with its last words, not the driver's end. It is kept as
    `keeping` has it: the next job finds there what takes long to begin.

    Args:
        engine: not started.
        name: what it is, for messages.
        environment: gives variables of the process, beside those of the driver.
        same: what engines have in common that may stand for each other.
    """

    def __init__(
        self, engine: Lasting, name: str, environment: Callable[[], Mapping[str, str]], same: Hashable
    ) -> None:
        self._engine, self._name, self._environment = engine, name, environment
        self._same = (name, same, tuple(sorted(os.environ.items())))
        self._holds = False
        self._started = False
        self._running: _Running | None = None

    def start(self, job: bytes) -> None:
        """See `Engine.start`; returns when the engine in the process has started."""
        hold()
        self._holds = True
        while not self._started:
            self._running = kept(self._same, lambda: _Running(self._engine, self._name, self._environment()))
            before = self._running.jobs
            try:
                self._running.start(job)
            except RunError:
                if before == 0 or not self._running.gone:
                    raise
                continue  # it ended after the job before, and nobody was there to be told
            self._started = True

    def share(self, inputs: dict[str, bytes]) -> None:
        """See `Engine.share`."""
        self._there.send(Share(inputs))

    def submit(self, worker: str, number: int, lease: Lease) -> None:
        """See `Engine.submit`."""
        self._there.send(Submit(worker, number, lease))

    def end(self, worker: str, reason: str) -> None:
        """See `Engine.end`."""
        self._there.send(_End(worker, reason))

    def poll(self, timeout: float) -> Event | None:
        """See `Engine.poll`."""
        until = time.monotonic() + timeout
        while True:
            said = self._there.said(until - time.monotonic())
            if said is not None:
                return said  # type: ignore[return-value]  # what is none of ours is an event of the engine
            if time.monotonic() >= until:
                return None

    def expected(self) -> int:
        """See `Engine.expected`."""
        return self._there.expected

    def stop(self) -> None:
        """See `Engine.stop`; what may be kept ends when nobody holds it."""
        if self._running is not None:
            if self._started and not self._running.gone:
                self._running.rest()
            if not self._running.free:
                self._running.close()
            self._running = None
        if self._holds:
            self._holds = False
            let_go()

    @property
    def _there(self) -> _Running:
        assert self._running is not None
        return self._running


def main() -> None:
    """In the process: run the engine until the driver wants no more, or is gone."""
    source, sink = channels()
    begin = heard(source)
    if not isinstance(begin, BeginEngine):
        return
    wanted: queue.SimpleQueue[object | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, wanted), daemon=True).start()
    with contextlib.suppress(DriverGone):
        try:
            _serve(begin.engine, wanted, sink)
        except FoolscapeError as error:
            say(sink, _Failed(portable(error)))
        except Exception as error:
            say(sink, _Failed(RunError(in_short(error))))
    with contextlib.suppress(Exception):
        begin.engine.stop()
    os._exit(0)


def _listen(source: IO[bytes], wanted: queue.SimpleQueue[object | None]) -> None:
    while (message := heard(source)) is not None:
        wanted.put(message)
    wanted.put(None)
    time.sleep(_STOPPING)
    end_group()


def _serve(engine: Lasting, wanted: queue.SimpleQueue[object | None], sink: IO[bytes]) -> None:
    """One job after the other."""
    while (message := wanted.get()) is not None:
        assert isinstance(message, _Start)
        engine.start(message.job)
        say(sink, _Started())
        if not _worked(engine, wanted, sink):
            return
        engine.rest()
        say(sink, _Rested())


def _worked(engine: Lasting, wanted: queue.SimpleQueue[object | None], sink: IO[bytes]) -> bool:
    """Serve a job to its end; whether the driver may have another."""
    told = -1
    while True:
        while not wanted.empty():
            message = wanted.get()
            if message is None or isinstance(message, _Rest):
                return message is not None
            _want(engine, message)
        event = engine.poll(_GLANCE)
        if (expected := engine.expected()) != told:
            told = expected
            say(sink, _Expected(expected))
        if event is not None:
            say(sink, event)


def _want(engine: Lasting, message: object) -> None:
    if isinstance(message, Share):
        engine.share(message.inputs)
    elif isinstance(message, Submit):
        engine.submit(message.worker, message.number, message.lease)
    elif isinstance(message, _End):
        engine.end(message.worker, message.reason)
