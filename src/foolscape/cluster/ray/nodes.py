"""The engine of a Ray cluster: an actor for every GPU, or for so many CPUs, on every node that there is."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from typing import Any, Final

from foolscape.cluster.engine import Died, Event, Joined, Refused
from foolscape.cluster.job import Lease
from foolscape.cluster.pipes import Fault
from foolscape.cluster.processes import threads_of
from foolscape.cluster.ray.actor import Actor, Home
from foolscape.cluster.ray.connection import Connection
from foolscape.cluster.ray.faults import GONE, cause_of, room_in_store
from foolscape.cluster.ray.head import Head, Node
from foolscape.cluster.ray.slot import Slot
from foolscape.errors import RunError
from foolscape.extras import extra

_WITHOUT: Final = 600.0
"""Seconds that are waited for a node with room for a worker, when there was one before."""

_TRIES: Final = 3
_PAUSE: Final = 2.0
"""See `processes`."""

_UNLISTED: Final = 60.0
"""Seconds in which the head learns that a node is gone."""

_AHEAD: Final = 4
"""Answers of a worker that may lie in the object store; then it waits."""

_FAREWELL: Final = 3.0
"""Seconds that workers have to end by themselves."""

_WOUND_UP: Final = 3.0
"""Seconds in which workers without a lease have said so at the end of a job; others are not kept."""

_WORKING, _ENDING = "working", "ending"
"""What an actor does beside what it does else: the lease that is worked on and the one that is answered; its end."""


class RayNodes:
    """Workers on the nodes of a Ray cluster; see `Lasting`. To be used by way of `Apart`: where the head of a cluster
    is gone, Ray ends the process.

    Nodes are looked at all the time: workers begin on those that come, and those of a node that is gone are not
    begun anew.

    Args:
        connection: to the cluster.
        home: of the driver.
        gpus: whether a worker has a GPU each; otherwise `threads` CPUs.
        threads: of each worker.
        workers: how many at most; None for as many as there is room for.
    """

    def __init__(
        self, connection: Connection, home: Home, *, gpus: bool, threads: int, workers: int | None = None
    ) -> None:
        self._connection = connection
        self._home = home
        self._gpus = gpus
        self._threads = threads
        self._workers = workers
        self._slots: dict[tuple[str, int], Slot] = {}
        self._head: Head | None = None
        self._had_room = float("-inf")
        self._began = 0
        self._token = ""
        self._job: Any = None
        self._shared: tuple[int, list[Any]] = (0, [])
        self._events: deque[Event] = deque()

    def start(self, job: bytes) -> None:
        """See `Engine.start`."""
        if self._head is None:
            self._connection.open()
            self._token, self._head = secrets.token_hex(4), Head()
        with extra("ray"):
            import ray
        self._job, self._had_room = ray.put(job), float("-inf")
        self._reconcile()

    def share(self, inputs: dict[str, bytes]) -> None:
        """See `Engine.share`."""
        import ray

        with room_in_store():
            self._shared = (self._shared[0] + 1, [ray.put(inputs)])

    def submit(self, worker: str, number: int, lease: Lease) -> None:
        """See `Engine.submit`."""
        slot = self._of(worker)
        if slot is not None:
            with room_in_store():
                work = slot.actor.work.options(
                    num_returns="streaming", concurrency_group=_WORKING, _generator_backpressure_num_objects=_AHEAD
                )
                slot.streams.append(work.remote(number, lease, *self._shared))

    def end(self, worker: str, reason: str) -> None:
        """See `Engine.end`."""
        slot = self._of(worker)
        if slot is not None:
            self._bury(slot, reason)

    def poll(self, timeout: float) -> Event | None:
        """See `Engine.poll`."""
        import ray

        self._reconcile()
        if not self._events:
            waited = {
                waits: slot
                for slot in self._slots.values()
                for waits in ([slot.opening] if slot.opening is not None else slot.streams[:1])
            }
            if not waited:
                time.sleep(timeout)
                return None
            ready, _ = ray.wait(list(waited), num_returns=1, timeout=timeout)
            if ready:
                ready, _ = ray.wait(list(waited), num_returns=len(waited), timeout=0)
            for one in ready:
                self._take(waited[one])
        return self._events.popleft() if self._events else None

    def expected(self) -> int:
        """See `Engine.expected`."""
        return self._usable() if self._slots else 1  # without a node it is waited for one

    def stop(self) -> None:
        """See `Engine.stop`."""
        import ray

        if self._head is None or self._head.answers:
            there = (actor for slot in self._slots.values() for actor in (slot.actor, slot.resting))
            actors = [actor for actor in there if actor is not None]
            ends = [actor.close.options(concurrency_group=_ENDING).remote() for actor in actors]
            if ends:
                ray.wait(ends, num_returns=len(ends), timeout=_FAREWELL)
            for actor in actors:
                ray.kill(actor)
            self._connection.close()

    def rest(self) -> None:
        """See `Lasting.rest`; workers that have nothing to do stay, with all that they have imported."""
        import ray

        until = time.monotonic() + _WOUND_UP
        for slot in self._slots.values():
            # All is answered, but the end of a lease may not have been heard yet.
            while slot.streams and ray.wait(slot.streams[:1], timeout=max(0.0, until - time.monotonic()))[0]:
                self._take(slot)
            if slot.actor is not None and slot.opening is None and not slot.streams:
                slot.actor.rest.remote()
                slot.resting, slot.actor = slot.actor, None
            else:
                self._forget(slot)
            slot.renew()
        self._events.clear()
        self._job, self._shared = None, (0, [])

    def _usable(self) -> int:
        return sum(not slot.lost for slot in self._slots.values())

    def _of(self, worker: str) -> Slot | None:
        return next((slot for slot in self._slots.values() if slot.actor is not None and slot.name == worker), None)

    def _reconcile(self) -> None:
        """Begin workers where there is room, and forget those places whose node is gone."""
        room = self._room()
        for place in [place for place in self._slots if place not in room]:
            slot = self._slots.pop(place)
            if slot.actor is not None:
                self._bury(slot, GONE)
        for place, node in room.items():
            if place not in self._slots:
                if self._workers is not None and self._usable() >= self._workers:
                    continue
                self._slots[place] = Slot(node, self._began)
                self._began += 1
            slot = self._slots[place]
            if slot.actor is None and not slot.lost and time.monotonic() >= slot.due:
                self._begin(slot)

    def _room(self) -> dict[tuple[str, int], Node]:
        """All places for workers that there are now, and their nodes."""
        assert self._head is not None
        nodes = self._head.nodes()
        room = {
            (node.number, number): node
            for node in nodes
            for number in range(int(node.gpus if self._gpus else node.cpus // self._threads))
        }
        if room:
            self._had_room = time.monotonic()
        elif time.monotonic() - self._had_room > _WITHOUT:
            wanted = "a GPU" if self._gpus else f"{self._threads} CPUs"
            raise RunError(
                f"expected a node with {wanted} for a worker, got {len(nodes)} nodes without; add one: "
                "ray start --address=HOST:6379, then run the same command again"
            )
        return room

    def _begin(self, slot: Slot) -> None:
        slot.name = f"worker-{slot.number}" + (f".{slot.started}" if slot.started else "")
        slot.started += 1
        slot.failures += 1  # until it has joined
        slot.actor, slot.resting = slot.resting or self._actor(slot.node), None
        device = "cuda:0" if self._gpus else "cpu"
        scratch = f"foolscape-{self._token}-{slot.number}"
        slot.opening = slot.actor.open.remote(
            self._job, slot.name, slot.node.host, device, self._threads, scratch, self._home
        )

    def _actor(self, node: Node) -> Any:
        """A new one on a node."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            "num_gpus": 1 if self._gpus else 0,
            "num_cpus": 0 if self._gpus else self._threads,
            "max_restarts": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(node.number, soft=False),
            "runtime_env": {"env_vars": threads_of(self._threads)},
        }
        remote: Any = ray.remote  # its types do not know of groups
        return remote(concurrency_groups={_WORKING: 2, _ENDING: 1})(Actor).options(**options).remote()

    def _take(self, slot: Slot) -> None:
        """Take what is ready of a slot."""
        import ray

        if slot.actor is None:
            return
        try:
            with room_in_store():
                if slot.opening is not None:
                    self._opened(slot, ray.get(slot.opening))
                    return
                said = ray.get(next(slot.streams[0]))
        except StopIteration:
            slot.streams.pop(0)
        except ray.exceptions.RayError as error:
            self._bury(slot, cause_of(error) if slot.node.listens() else GONE)
        else:
            if isinstance(said, Fault):
                self._bury(slot, said.reason)
            else:
                self._events.append(said)

    def _opened(self, slot: Slot, said: Joined | Refused) -> None:
        self._events.append(said)
        slot.opening = None
        if isinstance(said, Joined):
            slot.failures = 0
        else:
            slot.lost = True
            self._forget(slot)

    def _bury(self, slot: Slot, reason: str) -> None:
        """A worker is gone, or is to be."""
        self._forget(slot)
        if reason == GONE:
            slot.due = time.monotonic() + _UNLISTED
        elif slot.failures:
            slot.lost = slot.failures >= _TRIES
            slot.due = time.monotonic() + _PAUSE * 2 ** (slot.failures - 1)
        self._events.append(Died(slot.name, slot.node.host, reason))

    def _forget(self, slot: Slot) -> None:
        import ray

        with contextlib.suppress(Exception):
            ray.kill(slot.actor)
        slot.actor = slot.opening = None
        slot.streams.clear()
