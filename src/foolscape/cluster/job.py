"""What is given to workers and what comes back: jobs, leases, answers, and what was lost on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

STATE: Final = "state"
"""The name of a round's state among the inputs of a lease."""


@dataclass(frozen=True)
class WorkerPlace:
    """Where a worker is and what it may use.

    `device` as PyTorch names it ("cuda:1", "cpu"); `threads` for the operations of a CPU; `scratch` is a folder of its
    own, removed with it.
    """

    name: str
    node: str
    device: str
    threads: int
    scratch: Path


@dataclass(frozen=True)
class Lease:
    """Keys that a worker is to answer, and the contents of the files that it needs for them, by name."""

    keys: tuple[str, ...]
    inputs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came of a key.

    `payload` and `files` (contents by name) depend on the key and the job alone, not on the worker or the time: two
    workers that were given the same key answer the same bytes. `seconds` is what the key took. `beside` is what the
    driver is told besides, which may differ from worker to worker: times, what was found on the way.
    """

    key: str
    payload: bytes
    files: Mapping[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
    beside: bytes = b""


@dataclass(frozen=True)
class GivenUp:
    """A key without an answer: too many workers died of it, the last for `reason`."""

    key: str
    reason: str


@dataclass(frozen=True)
class Loss:
    """A worker that died: when (seconds since the pool was opened), of what, and the keys it had not answered."""

    worker: str
    node: str
    when: float
    reason: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """A worker that does not take part, and why: its job would not open there."""

    worker: str
    node: str
    reason: str


@dataclass(frozen=True)
class Difference:
    """Two workers that answered a key with other bytes; the first answer counts."""

    key: str
    first: str
    second: str


class Worker(Protocol):
    """What a job makes of itself in a worker."""

    def work(self, lease: Lease) -> Iterator[Answer | Future[Answer]]:
        """An answer for each key of the lease, in their order, each as soon as it is there.

        In the place of an answer its future may be given: the next lease is then worked on while it is waited for.
        What a worker was at when it died is told from that order, see `LeaseSettings.abreast`.

        Raises:
            FoolscapeError: nobody can go on; it ends the whole distribution.
            Exception: the worker is of no more use; it ends, and another takes its place.
        """
        ...


class Job(Protocol):
    """What is to be done, picklable, sent once to every worker."""

    def open(self, place: WorkerPlace) -> Worker:
        """What answers keys at `place`; called in the worker.

        Raises:
            FoolscapeError: this worker must not take part, for the reason it says.
        """
        ...
