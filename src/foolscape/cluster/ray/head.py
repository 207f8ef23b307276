"""What the head of a Ray cluster says: which nodes there are, and that it is there itself."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from foolscape.errors import RunError

_LOOK: Final = 2.0
"""Seconds between two questions."""

_LIMIT: Final = 20.0
"""Seconds without an answer after which the head is taken to be gone. After 60, Ray ends the process that asks."""


_REACHED: Final = 1.0
"""Seconds in which a node answers."""


@dataclass(frozen=True)
class Node:
    """A node that is there: Ray's number for it, its name, how many GPUs and CPUs it offers, and where it listens."""

    number: str
    host: str
    gpus: float
    cpus: float
    address: tuple[str, int]

    def listens(self) -> bool:
        """Whether it is still there: the head learns only after some time that it is not."""
        try:
            socket.create_connection(self.address, timeout=_REACHED).close()
        except OSError:
            return False
        return True


class Head:
    """The head of the cluster that this process is connected to, asked again and again, in a thread."""

    def __init__(self) -> None:
        self._nodes = _alive()
        self._seen = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def answers(self) -> bool:
        """Whether it answered lately."""
        return time.monotonic() - self._seen <= _LIMIT

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that there were a moment ago.

        Raises:
            RunError: the head is gone.
        """
        if not self.answers:
            raise RunError(
                f"expected the head of the Ray cluster to answer, got nothing for {_LIMIT:.0f} s; what was answered is "
                "kept: see that the head runs, then run the same command again to go on"
            )
        return self._nodes

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK)
            try:
                self._nodes = _alive()
            except Exception:
                continue
            self._seen = time.monotonic()


def _alive() -> tuple[Node, ...]:
    import ray

    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return tuple(
        Node(
            node["NodeID"],
            node.get("NodeManagerHostname") or node["NodeManagerAddress"],
            node["Resources"].get("GPU", 0.0),
            node["Resources"].get("CPU", 0.0),
            (node["NodeManagerAddress"], node["NodeManagerPort"]),
        )
        for node in listed
        if node["Alive"]
    )
