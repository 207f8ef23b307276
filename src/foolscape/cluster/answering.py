"""What a worker does, wherever it runs: opens its job, goes through leases, says what becomes of them."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

from foolscape.cluster.engine import Answered, Joined, LeaseDone, Raised, Refused
from foolscape.cluster.job import Answer, Job, Lease, Worker, WorkerPlace
from foolscape.cluster.pipes import DriverGone, Fault
from foolscape.errors import FoolscapeError, RunError


def opened(job: bytes, place: WorkerPlace) -> tuple[Worker | None, Joined | Refused]:
    """The worker that a pickled job makes of itself at `place`, and what the driver is told of it."""
    try:
        made: Job = pickle.loads(job)
        worker = made.open(place)
    except FoolscapeError as error:
        return None, Refused(place.name, place.node, str(error))
    except Exception as error:
        return None, Refused(place.name, place.node, in_short(error))
    return worker, Joined(place.name, place.node, place.device)


Said: TypeAlias = Answered | LeaseDone | Raised | Fault
"""What a worker says of a lease."""


class Teller:
    """Tells what comes of leases, each thing in its turn, also what is waited for while the next lease is worked on.

    Args:
        name: of the worker.
        tell: takes the number of a lease and what is said of it; never called twice at a time. After a `Fault` the
            worker is of no more use.
    """

    def __init__(self, name: str, tell: Callable[[int, Said], None]) -> None:
        self._name, self._tell = name, tell
        self._coming: SimpleQueue[tuple[int, Future[Answer] | Answer | Said] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        threading.Thread(target=self._go_on, name="foolscape-teller", daemon=True).start()

    def go_through(self, worker: Worker, number: int, lease: Lease) -> None:
        """Have a lease worked on; what is left to be finished then is told later. Called in one thread."""
        try:
            for answer in worker.work(lease):
                self._in_turn(number, answer)
        except Exception as error:
            self._in_turn(number, self._of_error(error))
        else:
            self._in_turn(number, LeaseDone(self._name, number))

    def close(self) -> None:
        """Nothing more will come."""
        self._coming.put(None)

    def _in_turn(self, number: int, one: Future[Answer] | Answer | Said) -> None:
        """At once where nothing has to be waited for: the driver is to know of all that was done before a death."""
        with self._lock:
            if self._waiting or isinstance(one, Future):
                self._waiting += 1
                self._coming.put((number, one))
                return
        self._tell(number, self._said(number, one))

    def _go_on(self) -> None:
        with suppress(DriverGone):  # the process ends with it
            while (coming := self._coming.get()) is not None:
                number, one = coming
                try:
                    said = self._said(number, one)
                except BaseException as error:  # of the thread that it was waited for
                    said = self._of_error(error)
                self._tell(number, said)
                with self._lock:
                    self._waiting -= 1

    def _said(self, number: int, one: Future[Answer] | Answer | Said) -> Said:
        answer = one.result() if isinstance(one, Future) else one
        return Answered(self._name, number, answer) if isinstance(answer, Answer) else answer

    def _of_error(self, error: BaseException) -> Raised | Fault:
        return Raised(self._name, portable(error)) if isinstance(error, FoolscapeError) else Fault(in_short(error))


def in_short(error: BaseException) -> str:
    """An error in one line: its kind, what it says, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f", at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def portable(error: FoolscapeError) -> FoolscapeError:
    """An error that can be pickled, and unpickled where the classes of a user's files are not known."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RunError(str(error))
    return error
