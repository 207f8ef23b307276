"""Workers on this machine, a process each."""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.cluster import child as worker_process
from foolscape.cluster.child import Begin, Share, Submit
from foolscape.cluster.engine import Answered, Died, Event, Joined, LeaseDone, Raised, Refused
from foolscape.cluster.forking import begun
from foolscape.cluster.job import Lease, WorkerPlace
from foolscape.cluster.keeping import hold, let_go
from foolscape.cluster.spawned import Ended, Inbox, Spawned
from foolscape.errors import SettingError

_TRIES: Final = 5
"""How often in a row a worker may die before it has opened its job."""

_PAUSE: Final = 0.5
"""Seconds before a worker that did not open its job is started again, twice as many each time."""

_LOOK: Final = 0.5
"""Seconds between two looks at the processes."""

THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Variables of a process that say how many threads its libraries use."""


def threads_of(number: int) -> dict[str, str]:
    """The variables of a worker with so many threads.

    NumPy's BLAS has one: it would start the others when it is imported, and nothing is measured with it.
    """
    return dict.fromkeys(THREADS, str(number)) | {"OPENBLAS_NUM_THREADS": "1"}


@dataclass(eq=False)
class _Slot:
    """A worker's place, where one process follows another: the last, and how often in a row none joined."""

    number: int
    device: str
    name: str = ""
    child: Spawned | None = None
    started: int = 0
    failures: int = 0
    due: float = 0.0
    lost: bool = False


class Processes:
    """The engine of this machine: `workers` processes, on `devices` in turn; each ends with the driver.

    They are no copies of the driver's process: what a job needs is imported anew, with the driver's `sys.path` and
    working directory, in a process that they are forked from, see `forking`. Signals from the keyboard reach the driver
    alone.

    Args:
        workers: how many.
        devices: as PyTorch names them.
        threads: of each worker.
        imports: modules that jobs need, imported before workers are forked; they start no threads.

    Raises:
        SettingError: one of these is missing.
    """

    def __init__(
        self, workers: int, devices: Sequence[str] = ("cpu",), threads: int = 1, imports: Sequence[str] = ()
    ) -> None:
        if workers < 1 or threads < 1 or not devices:
            raise SettingError(
                f"expected at least one worker, device and thread, got {workers} workers, {len(devices)} devices and "
                f"{threads} threads"
            )
        self._slots = [_Slot(number, devices[number % len(devices)]) for number in range(workers)]
        self._threads = threads
        self._imports = tuple(imports)
        self._holds = False
        self._node = platform.node() or "this machine"
        self._job = b""
        self._shared: Share | None = None
        self._scratch: Path | None = None
        self._inbox: Inbox | None = None

    def start(self, job: bytes) -> None:
        """See `Engine.start`."""
        self._job = job
        hold()
        self._holds = True
        self._inbox = Inbox(max(8, 2 * len(self._slots)))
        self._scratch = Path(tempfile.mkdtemp(prefix="foolscape-"))
        self._look()

    def share(self, inputs: dict[str, bytes]) -> None:
        """See `Engine.share`."""
        self._shared = Share(inputs)
        for slot in self._slots:
            if slot.child is not None:
                slot.child.send(self._shared)

    def submit(self, worker: str, number: int, lease: Lease) -> None:
        """See `Engine.submit`."""
        for child in self._children(worker):
            child.send(Submit(worker, number, lease))

    def end(self, worker: str, reason: str) -> None:
        """See `Engine.end`."""
        for child in self._children(worker):
            child.kill(reason)

    def poll(self, timeout: float) -> Event | None:
        """See `Engine.poll`."""
        assert self._inbox is not None
        until = time.monotonic() + timeout
        while True:
            self._look()
            message = self._inbox.get(min(until - time.monotonic(), _LOOK))
            if message is not None:
                child, said = message
                event = self._noted(next(slot for slot in self._slots if slot.child is child), said)
                if event is not None:
                    return event
            elif time.monotonic() >= until:
                return None

    def expected(self) -> int:
        """See `Engine.expected`."""
        return sum(not slot.lost for slot in self._slots)

    def stop(self) -> None:
        """See `Engine.stop`."""
        if self._inbox is not None:
            self._inbox.close()
        children = [slot.child for slot in self._slots if slot.child is not None]
        for child in children:
            child.kill()
        for child in children:
            child.join()
        if self._holds:
            self._holds = False
            let_go()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _children(self, worker: str) -> list[Spawned]:
        """The process that is a worker, if it is still there."""
        return [slot.child for slot in self._slots if slot.child is not None and slot.name == worker]

    def _noted(self, slot: _Slot, said: object) -> Event | None:
        """Note what the process of a slot says; the event that it is, if it is news to others."""
        if isinstance(said, Ended):
            slot.child = None
            if slot.lost:  # it was refused, and has ended for that
                return None
            if slot.failures:
                slot.lost = slot.failures >= _TRIES
                slot.due = time.monotonic() + _PAUSE * 2 ** (slot.failures - 1)
            return Died(slot.name, self._node, said.reason)
        if isinstance(said, Joined):
            slot.failures = 0
        elif isinstance(said, Refused):
            slot.lost = True
        assert isinstance(said, Joined | Refused | Answered | LeaseDone | Raised)
        return said

    def _look(self) -> None:
        """Start what is to be started; see to the processes that are there."""
        for slot in self._slots:
            if slot.child is not None:
                slot.child.look()
            elif not slot.lost and time.monotonic() >= slot.due:
                self._spawn(slot)

    def _spawn(self, slot: _Slot) -> None:
        assert self._scratch is not None
        assert self._inbox is not None
        slot.name = f"worker-{slot.number}" + (f".{slot.started}" if slot.started else "")
        slot.started += 1
        slot.failures += 1  # until it has joined
        scratch = self._scratch / slot.name
        scratch.mkdir()
        place = WorkerPlace(slot.name, self._node, slot.device, self._threads, scratch)
        threads = threads_of(self._threads)
        process = begun(worker_process.__name__, self._imports, threads)
        slot.child = Spawned(process, Begin(self._job, place, process.parent), self._inbox)
        if self._shared is not None:
            slot.child.send(self._shared)
