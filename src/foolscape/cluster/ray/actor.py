"""A worker of a Ray cluster, from within: an actor."""

from __future__ import annotations

import gc
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from foolscape.cluster.answering import Said, Teller, opened
from foolscape.cluster.engine import Joined, LeaseDone, Raised, Refused
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
    """Made an actor by `ray.remote`: it takes one job after the other, each in the thread of its `_hands`.

    `work` is called while that of the lease before is still at its answers; otherwise methods are called one after the
    other.
    """

    def __init__(self) -> None:
        self._hands = ThreadPoolExecutor(1, "foolscape-worker")
        self._teller: Teller | None = None
        self._told: dict[int, SimpleQueue[Said]] = {}
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
        home.settle()
        self._scratch = Path(tempfile.gettempdir()) / scratch
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(mode=0o700)
        place = WorkerPlace(name, node, device, threads, self._scratch)
        self._worker, said = self._hands.submit(opened, job, place).result()
        if self._worker is None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        else:
            self._teller = Teller(name, self._hear)
        return replace(said, reason=home.advised(said.reason)) if isinstance(said, Refused) else said

    def work(self, number: int, lease: Lease, version: int, shared: Sequence[Any]) -> Iterator[Said]:
        """What comes of a lease, one thing after the other.

        Args:
            number: of the lease.
            lease: the keys, and inputs of their own.
            version: of what is shared; 0 for nothing.
            shared: a reference to it, fetched once for each version.
        """
        assert self._worker is not None
        assert self._teller is not None
        if version != self._shared[0]:
            with extra("ray"):
                import ray
            self._shared = (version, ray.get(shared[0]))
        whole = Lease(lease.keys, {**self._shared[1], **lease.inputs})
        told = self._told[number] = SimpleQueue()
        self._hands.submit(self._teller.go_through, self._worker, number, whole)
        said: Said | None = None
        while not isinstance(said, LeaseDone | Raised | Fault):
            said = told.get()
            yield said
        del self._told[number]

    def _hear(self, number: int, said: Said) -> None:
        """What is said of a lease; nothing more is wanted of one that has ended."""
        if (told := self._told.get(number)) is not None:
            told.put(said)

    def rest(self) -> None:
        """Be as before `open`, but for what was imported."""
        if self._teller is not None:
            self._teller.close()
        self._worker = self._teller = None
        self._shared = (0, {})
        gc.collect()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def close(self) -> None:
        """End at once, whatever is being done, and leave nothing; called beside `work`."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        os._exit(0)
