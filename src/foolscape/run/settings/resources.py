"""With what a command is carried out; it has no part in what is measured, which any number of workers does alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError

_SHARD: Final = re.compile(r"([1-9]\d{0,5})/([1-9]\d{0,5})")


@dataclass(frozen=True)
class Shard:
    """One of several parts of a command's images, each of which a process of its own measures.

    Attributes:
        number: from 1 on.
        of: how many parts there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `3/16`; raises `SettingError`."""
        match = _SHARD.fullmatch(text.strip())
        if match is None or int(match[1]) > int(match[2]):
            raise SettingError(f"shard: expected PART/PARTS, counted from 1, such as 3/16, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def folder(self) -> str:
        """The name of its folder below the directory that all parts share: 03-of-16."""
        return f"{self.number:0{len(str(self.of))}}-of-{self.of}"


@dataclass(frozen=True)
class Resources:
    """What a command may take.

    Attributes:
        shard: the part of the images that is measured; None: all.
        shard_costs: a run whose seconds say what each image costs; None: all cost the same, clips what they are long.
        workers: processes that measure; None: one for each of the `devices`, or none but the driver itself.
        devices: that workers use in turn, as PyTorch names them; none: that of the run.
        cluster: the address of a Ray cluster on whose nodes the workers are: HOST:PORT, `auto` or `local`; None: they
            are on this machine.
    """

    shard: Shard | None = None
    shard_costs: Path | None = None
    workers: int | None = None
    devices: tuple[str, ...] = ()
    cluster: str | None = None

    @property
    def spread(self) -> bool:
        """Whether workers measure, and not the process that was started."""
        return self.workers is not None or bool(self.devices) or self.cluster is not None

    @property
    def shared_by(self) -> int:
        """Workers that are known to share what is to be done; of a cluster whose size is not said, 1."""
        return self.workers or len(self.devices) or 1

    def threads_of(self, own: int) -> int:
        """Threads of each worker of a new run, where this process would take `own`: together no more than those."""
        return max(1, own // self.shared_by)


ALONE: Final = Resources()
"""One process that measures everything."""


def parts_of(costs: Sequence[float], of: int) -> list[tuple[int, ...]]:
    """The places of samples, divided into `of` parts that cost about the same.

    The dearest goes first, each to the part that costs least so far, ties to the first: the same in every process.
    """
    parts: list[list[int]] = [[] for _ in range(of)]
    sums = [0.0] * of
    for place in sorted(range(len(costs)), key=lambda place: (-costs[place], place)):
        cheapest = min(range(of), key=lambda part: (sums[part], len(parts[part]), part))
        parts[cheapest].append(place)
        sums[cheapest] += costs[place]
    return [tuple(sorted(part)) for part in parts]
