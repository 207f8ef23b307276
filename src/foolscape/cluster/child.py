"""A worker process of this machine: it talks to its driver through its standard input and output."""

from __future__ import annotations

import ctypes
import os
import pickle
import queue
import shutil
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NoReturn

from foolscape.cluster.answering import in_short, opened, worked
from foolscape.cluster.job import Lease, WorkerPlace

_PR_SET_PDEATHSIG: Final = 1
"""Of Linux's <sys/prctl.h>."""


@dataclass(frozen=True)
class Begin:
    """The first that a worker is told: what it is to open, and where it is."""

    job: bytes
    place: WorkerPlace


@dataclass(frozen=True)
class Share:
    """Inputs of all leases from now on, beside their own."""

    inputs: dict[str, bytes]


@dataclass(frozen=True)
class Submit:
    """A lease and its number."""

    number: int
    lease: Lease


@dataclass(frozen=True)
class Fault:
    """The last that a worker says that is of no more use: why."""

    reason: str


def main() -> None:
    """Take leases until the driver is gone."""
    driver = int(sys.argv[2])
    _die_with(driver)
    source, sink = _channels()
    begin = pickle.load(source)
    assert isinstance(begin, Begin)
    leases: queue.SimpleQueue[Submit] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, leases, begin.place.scratch), daemon=True).start()
    worker, said = opened(begin.job, begin.place)
    _say(sink, said)
    if worker is None:
        return
    while True:
        submitted = leases.get()
        try:
            for event in worked(worker, begin.place.name, submitted.number, submitted.lease):
                _say(sink, event)
        except Exception as error:
            _say(sink, Fault(in_short(error)))
            os._exit(1)


def _die_with(driver: int) -> None:
    """Have Linux end this process with its driver, even while it stands still; elsewhere `_listen` has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != driver:
            os._exit(1)


def _channels() -> tuple[IO[bytes], IO[bytes]]:
    """From and to the driver; what is printed goes to standard error instead, and nothing can be read."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _say(sink: IO[bytes], event: object) -> None:
    try:
        pickle.dump(event, sink)
        sink.flush()
    except BrokenPipeError:
        os._exit(1)


def _listen(source: IO[bytes], leases: queue.SimpleQueue[Submit], scratch: Path) -> NoReturn:
    """Leases as they come, so that the driver never waits; the end of the driver is the end of this process."""
    shared: dict[str, bytes] = {}
    while True:
        try:
            message = pickle.load(source)
        except (EOFError, OSError, pickle.UnpicklingError):
            shutil.rmtree(scratch, ignore_errors=True)
            _end_group()
        if isinstance(message, Share):
            shared = message.inputs
        else:
            lease = Lease(message.lease.keys, {**shared, **message.lease.inputs})
            leases.put(Submit(message.number, lease))


def _end_group() -> NoReturn:
    """End this process and those that it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
