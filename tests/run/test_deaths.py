"""Thirty runs whose workers, nodes and drivers are killed at random: each ends in the bytes of one process."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from foolscape.errors import OutOfTimeError
from foolscape.extras import is_installed
from foolscape.run import execute as module
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.run.settings.resources import Resources
from tests.cluster.test_ray import Nodes

from .made import silent_progress, write_net, write_photos
from .made_workers import children, figures, wait_for, worker_pids

COMMAND = ["foolscape", "run"]
IMAGES = 40
OUT_OF_TIME = 6
MOST_PARTS = 6
"""After so many nothing more happens, so that a run ends."""

HERE = {"worker": 3, "several": 2, "server": 1, "driver": 2, "over": 1}
ON_RAY = {"worker": 2, "several": 1, "node": 3, "driver": 1, "over": 1}
"""What may happen, and how often beside the others: one worker or all of them die, the process that they are forked
from, a node of the cluster, the driver; or its time is over."""


@dataclass(frozen=True)
class Part:
    """A driver of a run, from its start to its end.

    Attributes:
        workers: how many it has.
        events: what happens when so many images are settled in it.
        log: a file for what has happened.
        address: of a Ray cluster; None: workers are processes of this machine.
        environment: variables that lead to it.
    """

    workers: int
    events: dict[int, str]
    log: Path
    address: str | None = None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Fate:
    """What happens to a driver on its way, in its process."""

    part: Part
    nodes: Connection
    settled: int = 0
    over: bool = False

    @contextmanager
    def progress(self, title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        """`Listener.progress`."""
        del title, total, done
        yield self._tick

    def _tick(self, name: str) -> None:
        del name
        self.settled += 1
        if what := self.part.events.get(self.settled):
            with self.part.log.open("a") as log:
                log.write(f"{what}\n")
            self._happens(what)

    def _happens(self, what: str) -> None:
        if what == "over":
            self.over = True
        elif what == "driver":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "node":
            self.nodes.send(what)
            self.nodes.recv()
        else:
            workers = actors(self.part.environment["TMPDIR"]) if self.part.address else worker_pids()
            doomed = {"worker": workers[:1], "several": workers, "server": children()}[what]
            for pid in doomed:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def actors(folder: str) -> list[int]:
    """The workers of the Ray cluster whose files are in `folder`."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            name, variables = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            if name.startswith(b"ray::Actor") and folder.encode() in variables:
                found.append(int(process.name))
    return sorted(found)


def drive(settings: dict[str, Any], out: str, part: Part, nodes: Connection) -> None:
    """A driver, in a process of its own, which measures nothing itself."""

    def measures(*_: object) -> None:
        raise AssertionError("the driver measured")

    module.evaluate = measures
    os.environ.update(part.environment)
    fate = Fate(part, nodes)
    listener = Listener(lambda _: None, fate.progress, lambda: fate.over)
    resources = Resources(workers=part.workers, cluster=part.address)
    try:
        module.execute(make_config(settings), Path(out), COMMAND, listener, page=False, resources=resources)
    except OutOfTimeError:
        sys.exit(OUT_OF_TIME)


@dataclass
class Runs:
    """One run after the other of the same images, each with a fate of its own."""

    folder: Path
    settings: dict[str, Any]
    expected: dict[str, bytes]
    cluster: Nodes | None = None
    node: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    parts: int = 0

    def run(self, number: int, chances: dict[str, int]) -> None:
        """Until it is done, with another number of workers after each end of its driver; then it is compared."""
        draw = random.Random(number)
        out, log = self.folder / f"run-{number}", self.folder / f"run-{number}.log"
        for place in range(100):
            self.parts += 1
            deaths = draw.randint(1, 3) if place == 0 else draw.randint(0, 2) if place < MOST_PARTS else 0
            names = draw.choices(list(chances), list(chances.values()), k=deaths)
            events = dict(zip(draw.sample(range(1, 21), deaths), names, strict=True))
            address = None if self.cluster is None else self.cluster.address
            variables = {} if self.cluster is None else self.cluster.environment
            part = Part(draw.randint(1, 3), events, log, address, variables)
            code = self._driven(out, part)
            if code == 0:
                break
            assert code in (OUT_OF_TIME, -signal.SIGKILL), f"run {number} ended with {code}"
        self.happened.update(log.read_text().split() if log.exists() else ())
        assert figures(out) == self.expected, f"run {number}"

    def _driven(self, out: Path, part: Part) -> int | None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        ours, theirs = context.Pipe()
        driver = context.Process(target=drive, args=(self.settings, str(out), part, theirs))
        driver.start()
        theirs.close()
        while driver.is_alive():
            with suppress(EOFError):
                if ours.poll(0.05):
                    ours.send(self._lose(ours.recv()))
            driver.join(0.01)
        return driver.exitcode

    def _lose(self, what: str) -> str:
        """A node dies, not kindly, and another comes in its place."""
        assert self.cluster is not None
        self.cluster.tell(f"kill {self.node}")
        self.cluster.tell("add")
        self.node += 1
        return what


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The settings, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("deaths")
    photos = write_photos(folder / "photos", IMAGES)
    settings = {"models": [f"{write_net(folder)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
                "eps": "8/255", "probes": 0}  # fmt: skip
    silent = Listener(lambda _: None, silent_progress)
    module.execute(make_config(dict(settings)), folder / "one", COMMAND, silent, page=False)
    return Runs(folder, settings, figures(folder / "one"))


@pytest.mark.slow
def test_runs_by_workers_of_this_machine_that_die_at_random(runs: Runs) -> None:
    for number in range(24):
        runs.run(number, HERE)
    print(f"{runs.parts} drivers, {dict(runs.happened)}")
    assert all(runs.happened[what] for what in HERE), runs.happened


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("ray"), reason="needs foolscape[ray]")
def test_runs_on_a_cluster_whose_nodes_die_at_random(runs: Runs) -> None:
    cluster = Nodes(3)
    try:
        there = Runs(runs.folder, runs.settings, runs.expected, cluster)
        for number in range(24, 30):
            there.run(number, ON_RAY)
        wait_for(lambda: not actors(cluster.folder))
    finally:
        cluster.stop()
    print(f"{there.parts} drivers, {dict(there.happened)}")
    assert all(there.happened[what] for what in ON_RAY), there.happened
