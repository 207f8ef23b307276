"""A worker's place on a node of a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foolscape.cluster.ray.head import Node


@dataclass(eq=False)
class Slot:
    """A worker's place on a node, where one actor follows another.

    `resting`: an actor of the job before, for the next; `opening`: the reference to what becomes of the job;
    `streams`: of the leases, first the one that is answered.
    """

    node: Node
    number: int
    name: str = ""
    actor: Any = None
    resting: Any = None
    opening: Any = None
    streams: list[Any] = field(default_factory=list)
    started: int = 0
    failures: int = 0
    due: float = 0.0
    lost: bool = False

    def renew(self) -> None:
        """Be for another job: what went wrong in the one before does not count."""
        self.started, self.failures, self.due, self.lost = 0, 0, 0.0, False
