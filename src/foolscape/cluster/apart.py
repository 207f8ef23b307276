"""An engine in a process of its own, for one whose library prints, or ends the process that it is in."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from dataclasses import dataclass
from typing import IO, Final

from foolscape.cluster.answering import in_short, portable
from foolscape.cluster.child import Share, Submit
from foolscape.cluster.engine import Engine, Event
from foolscape.cluster.job import Lease
from foolscape.cluster.pipes import DriverGone, channels, end_group, heard, say
from foolscape.cluster.spawned import Ended, Inbox, Spawned, spawned
from foolscape.errors import FoolscapeError, RunError

_STOPPING: Final = 30.0
"""Seconds that an engine has to stop in."""

_AHEAD: Final = 64
"""Events that may wait for the driver."""

_GLANCE: Final = 0.005
"""Seconds between two looks at what the driver wants."""


@dataclass(frozen=True)
class BeginEngine:
    """The first that the process is told: the engine, what to start it with, and variables of its environment."""

    engine: Engine
    job: bytes


@dataclass(frozen=True)
class _End:
    worker: str
    reason: str


@dataclass(frozen=True)
class _Started:
    pass


@dataclass(frozen=True)
class _Expected:
    workers: int


@dataclass(frozen=True)
class _Failed:
    error: FoolscapeError


class Apart:
    """`engine`, which must be picklable, in a process that ends with the driver; see `Engine`.

    Whatever ends that process is an error of the driver, with its last words, not the driver's end.

    Args:
        engine: not started.
        name: what it is, for messages.
        environment: variables of the process, beside those of the driver.
    """

    def __init__(self, engine: Engine, name: str, environment: dict[str, str]) -> None:
        self._engine = engine
        self._name = name
        self._environment = environment
        self._inbox = Inbox(_AHEAD)
        self._process: Spawned | None = None
        self._expected = 0
        self._failed = False

    def start(self, job: bytes) -> None:
        """See `Engine.start`; returns when the engine in the process has started."""
        self._process = Spawned(spawned(__name__, self._environment), BeginEngine(self._engine, job), self._inbox)
        while True:
            said = self._said(1.0)
            if isinstance(said, _Started):
                return

    def share(self, inputs: dict[str, bytes]) -> None:
        """See `Engine.share`."""
        self._send(Share(inputs))

    def submit(self, worker: str, number: int, lease: Lease) -> None:
        """See `Engine.submit`."""
        self._send(Submit(worker, number, lease))

    def end(self, worker: str, reason: str) -> None:
        """See `Engine.end`."""
        self._send(_End(worker, reason))

    def poll(self, timeout: float) -> Event | None:
        """See `Engine.poll`."""
        until = time.monotonic() + timeout
        while True:
            said = self._said(until - time.monotonic())
            if said is not None:
                return said  # type: ignore[return-value]  # what is none of ours is an event of the engine
            if time.monotonic() >= until:
                return None

    def expected(self) -> int:
        """See `Engine.expected`."""
        return self._expected

    def stop(self) -> None:
        """See `Engine.stop`."""
        self._inbox.close()
        if self._process is not None:
            self._process.close(0.0 if self._failed else _STOPPING)
            self._process.join()

    def _send(self, message: object) -> None:
        assert self._process is not None
        self._process.send(message)

    def _said(self, timeout: float) -> object | None:
        """The next that the process says, but for the number of workers, which is noted."""
        message = self._inbox.get(timeout)
        if message is None:
            return None
        _, said = message
        if isinstance(said, _Expected):
            self._expected = said.workers
            return None
        if isinstance(said, _Failed):
            raise said.error
        if isinstance(said, Ended):
            self._failed = True
            raise RunError(
                f"expected {self._name} to go on, got the end of the connection to it: {said.reason}; what was "
                "answered is kept: run the same command again to go on"
            )
        return said


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
            begin.engine.start(begin.job)
            say(sink, _Started())
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


def _serve(engine: Engine, wanted: queue.SimpleQueue[object | None], sink: IO[bytes]) -> None:
    told = -1
    while True:
        while not wanted.empty():
            message = wanted.get()
            if message is None:
                return
            _want(engine, message)
        event = engine.poll(_GLANCE)
        if (expected := engine.expected()) != told:
            told = expected
            say(sink, _Expected(expected))
        if event is not None:
            say(sink, event)


def _want(engine: Engine, message: object) -> None:
    if isinstance(message, Share):
        engine.share(message.inputs)
    elif isinstance(message, Submit):
        engine.submit(message.worker, message.number, message.lease)
    elif isinstance(message, _End):
        engine.end(message.worker, message.reason)
