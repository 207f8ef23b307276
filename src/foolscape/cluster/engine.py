"""What starts workers, hands them leases and tells what happens to them: the protocol of all engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from foolscape.cluster.job import Answer, Lease
from foolscape.errors import FoolscapeError


@dataclass(frozen=True)
class Joined:
    """A worker has opened the job and waits for leases."""

    worker: str
    node: str
    device: str


@dataclass(frozen=True)
class Refused:
    """A worker did not open the job; it is not tried again at its place."""

    worker: str
    node: str
    reason: str


@dataclass(frozen=True)
class Answered:
    """An answer to a key of a lease."""

    worker: str
    lease: int
    answer: Answer


@dataclass(frozen=True)
class LeaseDone:
    """A worker has gone through a lease; whatever it has not answered will not be."""

    worker: str
    lease: int


@dataclass(frozen=True)
class Raised:
    """A worker met an error that ends everything."""

    worker: str
    error: FoolscapeError


@dataclass(frozen=True)
class Died:
    """A worker is gone, after the last of its answers; the reason in words. Another may join in its place."""

    worker: str
    node: str
    reason: str


Event: TypeAlias = Joined | Refused | Answered | LeaseDone | Raised | Died


class Engine(Protocol):
    """Workers somewhere; all is called in one thread."""

    def start(self, job: bytes) -> None:
        """Begin to start workers, each with the pickled `job`; they join as they are ready.

        Raises:
            FoolscapeError: there can be no workers; the message says what to do.
        """
        ...

    def share(self, inputs: dict[str, bytes]) -> None:
        """Contents by name that every lease from now on has beside its own, in place of those shared before."""
        ...

    def submit(self, worker: str, number: int, lease: Lease) -> None:
        """Hand a lease to a worker that has joined, behind those it has; for one that is gone nothing happens."""
        ...

    def end(self, worker: str, reason: str) -> None:
        """End a worker that does not move; it is told as `Died` of `reason`."""
        ...

    def poll(self, timeout: float) -> Event | None:
        """What happened next; None if that is nothing within `timeout` seconds.

        Raises:
            FoolscapeError: the engine itself has failed.
        """
        ...

    def expected(self) -> int:
        """How many workers there are, begin, or will be tried again."""
        ...

    def stop(self) -> None:
        """End all workers and whatever else was started; called once, also after errors."""
        ...


class Lasting(Engine, Protocol):
    """One that takes one job after the other, so that what takes long to begin is begun once."""

    def rest(self) -> None:
        """End the job; `start` may be called again, with another."""
        ...
