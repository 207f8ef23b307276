"""A run on a cluster that loses nodes, simulated: the scheduler of `foolscape.cluster` under a clock that is computed.

    python benchmarks/cluster.py [--images 1000000] [--workers 512] [--per-node 8] [--seconds 3] [--spread 1]
        [--lost 0.02] [--slow 0.05] [--seed 0] [--known] [--json FILE]

Images take `--seconds` in the median, lognormal with `--spread` (standard deviation of the logarithm). Nodes are lost
at a rate of `--lost` per node and hour, which the driver learns 10 s later, and replaced after 2 to 10 minutes by
others that take 30 s to open the job. A share of `--slow` of the nodes takes 4 times as long. `--known` tells the
scheduler what each image costs; without it all are taken to cost the same.

The efficiency is the seconds that all images cost on a worker of usual speed, divided by the seconds of workers that
were there, those of a slow one counted as a quarter, from the beginning to the last answer. Time in which a worker
opens the job, waits, does what another does too, or what is lost with it is there, and not used.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

import numpy as np

from foolscape.cluster.leases import LeaseSettings
from foolscape.cluster.scheduler import Grant, Scheduler

_OPENING: Final = 30.0
_NOTICED: Final = 10.0
_REPLACED: Final = (120.0, 600.0)
_SLOWER: Final = 4.0
_LATENCY: Final = 0.02
_TICK: Final = 1.0


@dataclass(frozen=True)
class Scene:
    """What is simulated; `lost` per node and hour, `slow` a share of the nodes, times in seconds."""

    images: int = 1_000_000
    workers: int = 512
    per_node: int = 8
    seconds: float = 3.0
    spread: float = 1.0
    lost: float = 0.02
    slow: float = 0.05
    seed: int = 0
    known: bool = False


@dataclass(frozen=True)
class Figures:
    """What came of it; `wanting` and `twice` count images, `second_answers` those that came and did not count."""

    efficiency: float
    hours: float
    nodes_lost: int
    wanting: int
    twice: int
    given_up: int
    second_answers: int
    leases: int
    events: int
    events_per_second: float
    megabytes: float


@dataclass
class _Worker:
    name: str
    node: str
    pace: float
    queue: deque[Grant]
    place: int = 0
    alive: bool = True


class Simulation:
    """Nodes, workers and a clock around a scheduler."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.random = np.random.default_rng(scene.seed)
        self.costs = scene.seconds * self.random.lognormal(0.0, scene.spread, scene.images)
        keys = [f"{place:07}" for place in range(scene.images)]
        known = dict(zip(keys, self.costs.tolist(), strict=True)) if scene.known else None
        self.scheduler = Scheduler(keys, known, LeaseSettings())
        self.now = 0.0
        self.events = 0
        self.busy = 0.0
        self.capacity = 0.0
        self.nodes_lost = self.given_up = self.second_answers = self.leases = 0
        self.answered = np.zeros(scene.images, np.uint8)
        self.workers: dict[str, _Worker] = {}
        self.present: dict[str, tuple[float, float]] = {}
        self._heap: list[tuple[float, int, str, str]] = []
        self._order = 0
        self._nodes = 0

    def run(self) -> Figures:
        """Until the last answer."""
        for _ in range(self.scene.workers // self.scene.per_node):
            self._node_comes()
        self._later(_TICK, "tick", "")
        while not self.scheduler.finished:
            self.now, _, what, name = heappop(self._heap)
            self.events += what != "tick"
            self._happens(what, name)
            with self._timed():
                grants = list(self.scheduler.grants(self.now))
                self.given_up += len(self.scheduler.given_up())
            for grant in grants:
                self._granted(grant)
        for node in list(self.present):
            self._count(node)
        return self._figures()

    def _happens(self, what: str, name: str) -> None:
        if what == "answer":
            if name in self.workers and self.workers[name].alive:
                self._answers(self.workers[name])
        elif what == "tick":
            with self._timed():
                silent = self.scheduler.tick(self.now)
            assert not silent
            self._later(_TICK, "tick", "")
        elif what == "join":
            if name in self.workers and self.workers[name].alive:
                self.scheduler.joined(name, self.workers[name].node)
        elif what == "lost":
            self._node_goes(name)
        elif what == "noticed":
            del self.workers[name]
            with self._timed():
                self.scheduler.left(name, "its node was lost", self.now)
        else:
            self._node_comes()

    def _node_comes(self) -> None:
        node, self._nodes = f"node-{self._nodes}", self._nodes + 1
        slow = _SLOWER if self.random.random() < self.scene.slow else 1.0
        capacity = 0.0
        for number in range(self.scene.per_node):
            name = f"{node}/{number}"
            pace = slow * float(self.random.lognormal(0.0, 0.05))
            capacity += 1 / pace
            self.workers[name] = _Worker(name, node, pace, deque())
            self._later(_OPENING, "join", name)
        self.present[node] = (self.now, capacity)
        if self.scene.lost:
            self._later(float(self.random.exponential(3600 / self.scene.lost)), "lost", node)

    def _node_goes(self, node: str) -> None:
        self.nodes_lost += 1
        self._count(node)
        for number in range(self.scene.per_node):
            name = f"{node}/{number}"
            self.workers[name].alive = False
            self._later(_NOTICED, "noticed", name)
        self._later(float(self.random.uniform(*_REPLACED)), "replaced", "")

    def _count(self, node: str) -> None:
        since, capacity = self.present.pop(node)
        self.capacity += capacity * (self.now - since)

    def _granted(self, grant: Grant) -> None:
        self.leases += 1
        worker = self.workers[grant.worker]
        worker.queue.append(grant)
        if len(worker.queue) == 1:
            worker.place = 0
            self._begins(worker, _LATENCY)

    def _begins(self, worker: _Worker, latency: float) -> None:
        cost = self.costs[int(worker.queue[0].keys[worker.place])]
        self._later(latency + worker.pace * float(cost), "answer", worker.name)

    def _answers(self, worker: _Worker) -> None:
        grant = worker.queue[0]
        key = grant.keys[worker.place]
        place = int(key)
        seconds = worker.pace * float(self.costs[place])
        with self._timed():
            first = self.scheduler.answered(worker.name, grant.lease, key, seconds, self.now)
        if first:
            self.answered[place] += 1
        else:
            self.second_answers += 1
        worker.place += 1
        if worker.place == len(grant.keys):
            worker.queue.popleft()
            worker.place = 0
            self.events += 1
            with self._timed():
                self.scheduler.lease_done(grant.lease, self.now)
        if worker.queue:
            self._begins(worker, 0.0)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Around what the scheduler does."""
        begun = time.perf_counter()
        yield
        self.busy += time.perf_counter() - begun

    def _later(self, seconds: float, what: str, name: str) -> None:
        self._order += 1
        heappush(self._heap, (self.now + seconds, self._order, what, name))

    def _figures(self) -> Figures:
        return Figures(
            efficiency=float(self.costs.sum()) / self.capacity,
            hours=self.now / 3600,
            nodes_lost=self.nodes_lost,
            wanting=int((self.answered == 0).sum()),
            twice=int((self.answered > 1).sum()),
            given_up=self.given_up,
            second_answers=self.second_answers,
            leases=self.leases,
            events=self.events,
            events_per_second=self.events / self.busy,
            megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        )


def simulate(scene: Scene) -> Figures:
    """The figures of a scene."""
    return Simulation(scene).run()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in asdict(Scene()).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(flag, action="store_true")
        else:
            parser.add_argument(flag, type=type(value), default=value)
    parser.add_argument("--json", type=Path)
    given = vars(parser.parse_args())
    place = given.pop("json")
    begun = time.perf_counter()
    figures = simulate(Scene(**given))
    for name, figure in asdict(figures).items():
        print(f"{name:>20} {figure:,.3f}" if isinstance(figure, float) else f"{name:>20} {figure:,}")
    print(f"simulated in {time.perf_counter() - begun:.0f} s")
    if place is not None:
        place.write_text(json.dumps({"scene": given, "figures": asdict(figures)}, indent=2))


if __name__ == "__main__":
    main()
