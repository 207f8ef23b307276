"""What an attack costs: time over the bare forward pass and gradient, and memory."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import autograd
from torch.nn import functional

from comparison.contender import Contender, Task
from comparison.field import field
from comparison.own import LIBRARY
from comparison.stand import Settings, Stand, open_stand
from comparison.strength import seeded, task_of
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.problem import IGNORE

BARE = "bare loop"

MIB = 2**20


@dataclass(frozen=True)
class Cost:
    """The time of an attack per gradient, over that of the bare loop; quartiles over the rounds."""

    attack: str
    low: float
    ratio: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


def bare(task: Task) -> None:
    """The budget in forward passes and gradients of the cross-entropy, and nothing else."""
    for _ in range(task.budget):
        images = task.images.clone().requires_grad_(True)
        loss = functional.cross_entropy(task.network(images), task.labels, ignore_index=IGNORE, reduction="sum")
        autograd.grad(loss, images)


def times(
    stand: Stand, contenders: Sequence[Contender], eps: Levels, budget: int, batch: int, rounds: int
) -> list[Cost]:
    """A ratio per attack that does not break off. In a round each runs once, in turn, between two bare loops."""
    task = _task(stand, eps, budget, batch)
    works = {c.name: partial(seeded, c, task) for c in contenders if _warm(c, task)}
    ratios: dict[str, list[float]] = {name: [] for name in works}
    for i in range(rounds):
        before = _per_gradient(stand, partial(bare, task))
        for name in works if i % 2 == 0 else reversed(works):
            taken = _per_gradient(stand, works[name])
            after = _per_gradient(stand, partial(bare, task))
            ratios[name].append(2 * taken / (before + after))
            before = after
    return [_quartiles(name, values) for name, values in ratios.items()]


def _warm(contender: Contender, task: Task) -> bool:
    """Whether the attack runs at all; whatever it loads or compiles once is then done."""
    try:
        seeded(contender, task)
    except Exception:
        if contender.library == LIBRARY:
            raise
        return False
    return True


def _task(stand: Stand, eps: Levels, budget: int, batch: int) -> Task:
    """A batch of the first images, or fewer than asked for where there are not as many of one size."""
    first = stand.pictures[0].image.shape
    alike = [picture for picture in stand.pictures if picture.image.shape == first]
    return task_of(stand, alike[:batch], eps, budget, seed=0)


def _per_gradient(stand: Stand, work: Callable[[], object]) -> float:
    """Seconds per image and gradient."""
    network, before, now = stand.network, stand.network.backwards, clock(stand.network.anchor.device)
    gc.collect()
    begin = now()
    work()
    return (now() - begin) / (network.backwards - before)


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds. On a CPU those of the process, which another program's load disturbs less than the clock on the wall."""
    if device.type == "cpu":
        return time.process_time

    def now() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return now


def _quartiles(name: str, values: list[float]) -> Cost:
    if len(values) == 1:
        return Cost(name, values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4)
    return Cost(name, low, middle, high)


def memory(
    settings: Settings, names: Sequence[str], eps: Levels, budget: int, batch: int
) -> Iterator[tuple[str, float | None]]:
    """MiB that each attack takes at its peak over what lay in memory before it, and the bare loop's.

    Each is measured in a process of its own. None: it could not be.
    """
    context = multiprocessing.get_context("spawn")
    for name in (BARE, *names):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(sender, settings, name, eps, budget, batch))
        child.start()
        sender.close()
        peak: float | None = None
        with suppress(EOFError):  # the attack broke off, or the process died
            peak = receiver.recv()
        child.join()
        yield name, peak


def _child(sender: Any, settings: Settings, name: str, eps: Levels, budget: int, batch: int) -> None:
    stand = open_stand(settings)
    task = _task(stand, eps, budget, batch)
    if name == BARE:
        bare(task)
        sender.send(_peak(partial(bare, task), task))
        return
    contender = next(c for c in field([name])[0] if c.name == name)
    if _warm(contender, task):
        sender.send(_peak(partial(seeded, contender, task), task))


def _peak(work: Callable[[], object], task: Task) -> float:
    gc.collect()
    if task.images.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / MIB
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    before_kib = _status("VmRSS")
    work()
    return (_status("VmHWM") - before_kib) / 1024


def _status(field_name: str) -> int:
    """KiB."""
    match = re.search(rf"{field_name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if match is None:
        raise SettingError(f"suite: memory on a CPU is read from Linux's /proc, which has no {field_name} here")
    return int(match[1])
