"""A worker of a Ray cluster, from within: an actor."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foolscape.cluster.answering import in_short, opened, worked
from foolscape.cluster.engine import Answered, Joined, LeaseDone, Raised, Refused
from foolscape.cluster.job import Lease, Worker, WorkerPlace
from foolscape.cluster.pipes import Fault
from foolscape.cluster.ray.connection import COPY
from foolscape.extras import extra


@dataclass(frozen=True)
class Home:
    """Where the driver works: its folder, None if nodes have a copy of it, where it imports from, its machine."""

    folder: str | None
    path: tuple[str, ...]
    host: str

    def settle(self) -> None:
        """Work there, too, and import from there what is not found here, as far as a node has these folders."""
        if self.folder is not None and Path(self.folder).is_dir():
            os.chdir(self.folder)
        sys.path += [place for place in self.path if place not in sys.path]

    def advised(self, reason: str) -> str:
        """Why a worker was refused, with what may be the cause where its node has not the files that the driver has."""
        if self.folder is None:
            return f"{reason} (nodes have a copy of the driver's working directory: name files by paths below it)"
        if platform.node() == self.host and Path(self.folder).is_dir():
            return reason
        return (
            f"{reason} (files must lie at the same path on every node; with {COPY}=1 every node gets a copy of the "
            "driver's working directory, for files that are named by paths below it)"
        )


def home(*, copied: bool) -> Home:
    """Of this process; `copied` where Ray gives the nodes a copy of the folder."""
    return Home(
        None if copied else str(Path.cwd()), tuple(place or str(Path.cwd()) for place in sys.path), platform.node()
    )


class Actor:
    """Made an actor by `ray.remote`; its methods are called one after the other."""

    def __init__(self) -> None:
        self._name = ""
        self._worker: Worker | None = None
        self._scratch: Path | None = None
        self._shared: tuple[int, dict[str, bytes]] = (0, {})

    def open(
        self, job: bytes, name: str, node: str, device: str, threads: int, scratch: str, home: Home
    ) -> Joined | Refused:
        """Open a pickled job.

        Args:
            job: pickled.
            name: of the worker.
            node: where it is.
            device: as PyTorch names it in this process, which sees no GPU but its own.
            threads: see `WorkerPlace`.
            scratch: the name of a folder; what another worker left in it, which this one replaces, is removed.
            home: of the driver.
        """
        self._name = name
        home.settle()
        self._scratch = Path(tempfile.gettempdir()) / scratch
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(mode=0o700)
        self._worker, said = opened(job, WorkerPlace(name, node, device, threads, self._scratch))
        if self._worker is None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        return replace(said, reason=home.advised(said.reason)) if isinstance(said, Refused) else said

    def work(
        self, number: int, lease: Lease, version: int, shared: Sequence[Any]
    ) -> Iterator[Answered | LeaseDone | Raised | Fault]:
        """What comes of a lease, one thing after the other.

        Args:
            number: of the lease.
            lease: the keys, and inputs of their own.
            version: of what is shared; 0 for nothing.
            shared: a reference to it, fetched once for each version.
        """
        assert self._worker is not None
        if version != self._shared[0]:
            with extra("ray"):
                import ray
            self._shared = (version, ray.get(shared[0]))
        whole = Lease(lease.keys, {**self._shared[1], **lease.inputs})
        try:
            yield from worked(self._worker, self._name, number, whole)
        except Exception as error:
            yield Fault(in_short(error))

    def close(self) -> None:
        """End at once, whatever is being done, and leave nothing; called beside `work`."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        os._exit(0)
