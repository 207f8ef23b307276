"""A worker process of this machine, from within."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from foolscape.cluster.answering import Said, Teller, opened
from foolscape.cluster.job import Lease, WorkerPlace
from foolscape.cluster.pipes import DriverGone, Fault, channels, end_group, heard, say, wake_with

_ENDING: Final = 10.0
"""Seconds in which a process whose driver is gone has removed what it wrote."""


@dataclass(frozen=True)
class Begin:
    """The first that a worker is told: what it is to open, where it is, and the number of its parent."""

    job: bytes
    place: WorkerPlace
    parent: int


@dataclass(frozen=True)
class Share:
    """Inputs of all leases from now on, beside their own."""

    inputs: dict[str, bytes]


@dataclass(frozen=True)
class Submit:
    """A lease, its number, and the worker that it is for."""

    worker: str
    number: int
    lease: Lease


def main() -> None:
    """Take leases until the driver is gone."""
    source, sink = channels()
    begin = heard(source)
    if not isinstance(begin, Begin):
        return
    wake_with(begin.parent)
    leases: queue.SimpleQueue[Submit] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, leases, begin.place.scratch), daemon=True).start()
    try:
        _work(begin, leases, sink)
    except DriverGone:
        time.sleep(_ENDING)  # `_listen` has seen it, too, and tidies up
    os._exit(1)


def _work(begin: Begin, leases: queue.SimpleQueue[Submit], sink: IO[bytes]) -> None:
    """Until the worker is of no more use, or the driver is gone."""
    worker, said = opened(begin.job, begin.place)
    say(sink, said)
    if worker is None:
        return

    def tell(_: int, said: Said) -> None:
        say(sink, said)
        if isinstance(said, Fault):
            os._exit(1)

    teller = Teller(begin.place.name, tell)
    while True:
        submitted = leases.get()
        teller.go_through(worker, submitted.number, submitted.lease)


def _listen(source: IO[bytes], leases: queue.SimpleQueue[Submit], scratch: Path) -> None:
    """Leases as they come, so that the driver never waits; the end of the driver is the end of this process."""
    shared: dict[str, bytes] = {}
    while (message := heard(source)) is not None:
        if isinstance(message, Share):
            shared = message.inputs
        elif isinstance(message, Submit):
            lease = Lease(message.lease.keys, {**shared, **message.lease.inputs})
            leases.put(Submit(message.worker, message.number, lease))
    shutil.rmtree(scratch, ignore_errors=True)
    with contextlib.suppress(OSError):  # of all workers: the last of them removes it
        scratch.parent.rmdir()
    end_group()
