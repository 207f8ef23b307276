"""A worker process of this machine, from within."""

from __future__ import annotations

import os
import queue
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from foolscape.cluster.answering import in_short, opened, worked
from foolscape.cluster.job import Lease, WorkerPlace
from foolscape.cluster.pipes import Fault, channels, die_with, end_group, heard, say


@dataclass(frozen=True)
class Begin:
    """The first that a worker is told: what it is to open, where it is, and the number of its driver's process."""

    job: bytes
    place: WorkerPlace
    driver: int


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
    die_with(begin.driver)
    leases: queue.SimpleQueue[Submit] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, leases, begin.place.scratch), daemon=True).start()
    worker, said = opened(begin.job, begin.place)
    say(sink, said)
    if worker is None:
        return
    while True:
        submitted = leases.get()
        try:
            for event in worked(worker, begin.place.name, submitted.number, submitted.lease):
                say(sink, event)
        except Exception as error:
            say(sink, Fault(in_short(error)))
            os._exit(1)


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
    end_group()
