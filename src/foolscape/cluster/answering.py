"""What a worker does, wherever it runs: opens its job, goes through leases, says what becomes of them."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator

from foolscape.cluster.engine import Answered, Joined, LeaseDone, Raised, Refused
from foolscape.cluster.job import Job, Lease, Worker, WorkerPlace
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


def worked(worker: Worker, name: str, number: int, lease: Lease) -> Iterator[Answered | LeaseDone | Raised]:
    """What comes of a lease.

    Raises:
        Exception: whatever the worker raises that is no `FoolscapeError`; it is of no more use.
    """
    try:
        for answer in worker.work(lease):
            yield Answered(name, number, answer)
    except FoolscapeError as error:
        yield Raised(name, portable(error))
        return
    yield LeaseDone(name, number)


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
