"""One model on one data set, attacked within several bounds: from the same clean images, each bound with its controls.

A sample is attacked at one bound after the other, and its rows are written together, when all are there: so a sample
that is in the rows is complete, and what a kill leaves half done is done anew. At each bound everything is as in a run
of that bound alone, to the byte.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from foolscape.attacks.plan import Plan
from foolscape.data.apart import can_be_read_apart
from foolscape.data.image_sizes import by_size
from foolscape.records.row import Failure, Line
from foolscape.records.types import Files
from foolscape.run.directory.album import Album
from foolscape.run.directory.store import RunStore
from foolscape.run.evaluate import EvaluationSettings, Opened, evaluate_at_bound
from foolscape.run.listener import never
from foolscape.run.pipeline import Finisher, Reader
from foolscape.run.tasks.base import P, R, TaskRunner
from foolscape.run.unchanged import Unchanged

_AHEAD: Final = 2
"""Batches of samples that go through all bounds together: where images end early, others take their place."""


@dataclass(frozen=True)
class Measuring:
    """How a subject is measured at each of its bounds.

    Attributes:
        plans: the attack at each bound, rising; none measures the clean model alone.
        batch, seed, enough: as of `EvaluationSettings`.
    """

    plans: Sequence[Plan]
    batch: int
    seed: int
    enough: Callable[[], bool] = never


@dataclass
class _Held(RunStore):
    """Takes the rows of samples at one bound until all bounds are done; what else a run keeps goes to its `store`.

    Attributes:
        store: of the run, whose rows it shares.
        parts: the rows by id.
        seconds: that the attack took, by id.
    """

    store: RunStore = field(kw_only=True)
    parts: dict[str, list[Line]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def settled_ids(self, model: str | None) -> set[str]:
        """Ids of samples that are done at this bound for `model`."""
        return {name for name, rows in self.parts.items() if rows[0].model == model}

    def append(self, rows: Sequence[Line], seconds: float | None = None) -> None:
        """Hold the rows of a sample."""
        self.parts[rows[0].id] = list(rows)
        if seconds is not None:
            self.seconds[rows[0].id] = seconds

    def album(self, model: str) -> Album:
        """For the pictures of a sample."""
        return self.store.album(model)


def evaluate(
    subject: TaskRunner[R, P], ids: Sequence[str], measuring: Measuring, store: RunStore, tick: Callable[[str], None]
) -> None:
    """Measure `subject` on the samples `ids` that `store` does not hold yet, at every bound.

    A sample that cannot be measured at one bound is in none. `tick` is told of every one settled.
    """
    with attacked(subject, ids, measuring, store, tick) as finisher:
        finisher.drain()


def attacked(
    subject: TaskRunner[R, P], ids: Sequence[str], measuring: Measuring, store: RunStore, tick: Callable[[str], None]
) -> Finisher:
    """`evaluate`, but for what is still to be done when the model is not needed any more: the finisher is at it."""
    settled_ids = store.settled_ids(subject.spec) | store.settled_ids(None)
    remaining = ordered(subject, [name for name in ids if name not in settled_ids], measuring)
    ahead, waiting = _beside(subject, measuring)
    with ExitStack() as ends, Reader(Unchanged(subject, store.record).read, remaining, ahead) as reader:
        finisher = ends.enter_context(Finisher(waiting))
        if len(measuring.plans) < 2:
            plan = measuring.plans[0] if measuring.plans else None
            first = threading.Event()

            def told(name: str) -> None:
                tick(name)
                first.set()

            def enough() -> bool:
                if (
                    measuring.enough is not never and not first.is_set()
                ):  # whoever gives no time at all still wants to see one sample settled
                    finisher.drain()
                return measuring.enough()

            setting = EvaluationSettings(plan, measuring.batch, measuring.seed, reader, finisher, enough=enough)
            evaluate_at_bound(subject, remaining, setting, store, told)
        else:
            _evaluate_groups(subject, remaining, measuring, (reader, finisher), store, tick)
        ends.pop_all()
    return finisher


def ordered(subject: TaskRunner[Any, Any], ids: Sequence[str], measuring: Measuring) -> Sequence[str]:
    """The samples in the order in which they are attacked: where images of one size share a batch, size by size."""
    if measuring.batch == 1 or not measuring.plans or subject.task.clips or getattr(subject, "size", None) is not None:
        return ids
    return by_size(getattr(subject, "data", None), ids)


def _beside(subject: TaskRunner[Any, Any], measuring: Measuring) -> tuple[int, int]:
    """How many samples are read before they are asked for, and how many results may wait to be finished.

    Enough for a whole batch that is done at once. Clips are as large as memory allows: the next one is not read while
    one is at work. What an attack learns from one sample to the next must be on the disk, in rows, before the next
    begins.
    """
    if any(plan.moves_context for plan in measuring.plans):
        return 0, 0
    if subject.task.clips:
        return 0, 1
    most = measuring.batch + 1
    return most if can_be_read_apart(getattr(subject, "data", None)) else 0, most


def _evaluate_groups(
    subject: TaskRunner[R, P],
    remaining: Sequence[str],
    measuring: Measuring,
    beside: tuple[Reader[Any], Finisher],
    store: RunStore,
    tick: Callable[[str], None],
) -> None:
    """Measure the samples `remaining` at several bounds, a few samples at a time."""
    # What an attack learns from one sample to the next must be on the disk, in rows, before the next begins.
    together = 1 if measuring.plans[0].moves_context else _AHEAD * measuring.batch if measuring.batch > 1 else 1
    for begin in range(0, len(remaining), together):
        if begin == together:  # whoever gives no time at all still wants to see one sample settled
            beside[1].drain()
        if measuring.enough():
            return
        _measured(subject, remaining[begin : begin + together], measuring, beside, store, tick)


def _measured(
    subject: TaskRunner[R, P],
    ids: Sequence[str],
    measuring: Measuring,
    beside: tuple[Reader[Any], Finisher],
    store: RunStore,
    tick: Callable[[str], None],
) -> None:
    """Attack and measure the samples `ids` at every bound, and have their rows written."""
    reader, finisher = beside
    opened: dict[str, Opened[Any, Any]] = {}
    parts: dict[str, list[list[Line]]] = {name: [] for name in ids}
    seconds: dict[str, float] = {}

    def take(held: _Held) -> None:
        for name, rows in held.parts.items():
            parts[name].append(rows)
        for name, spent in held.seconds.items():
            seconds[name] = seconds.get(name, 0) + spent

    def write() -> None:
        for name in ids:
            rows = _joined(parts[name])
            store.append(rows, None if _failed(parts[name]) else seconds.get(name))
            tick(name)

    for place, plan in enumerate(measuring.plans):
        if place > 0:
            finisher.drain()  # what failed at the bound before is not attacked at this one
        setting = EvaluationSettings(
            plan, measuring.batch, measuring.seed, reader, finisher, bound=str(plan.eps), opened=opened
        )
        held = _Held(store.directory, store.record, store.rows, store.say, store=store)
        evaluate_at_bound(subject, [name for name in ids if not _failed(parts[name])], setting, held, _tell_nobody)
        finisher.do(partial(take, held))
    finisher.do(write)


def _failed(parts: Sequence[Sequence[Line]]) -> bool:
    return bool(parts) and isinstance(parts[-1][0], Failure)


def _joined(parts: Sequence[Sequence[Line]]) -> list[Line]:
    """The rows of a sample from those at each bound: the clean one once, which names all files; or why there are none.

    What was learnt from a sample that failed at a later bound is forgotten, so that all bounds have seen the same ones.
    """
    first, *others = parts[-1] if _failed(parts) else [*parts[0], *(row for part in parts[1:] for row in part[1:])]
    learnt = {} if _failed(parts) else _together([part[0].learnt for part in parts])
    return [replace(first, files=_together([part[0].files for part in parts]), learnt=learnt), *others]


def _together(files: Sequence[Mapping[str, Any]]) -> Files:
    return dict(sorted((place, file_hash) for one in files for place, file_hash in one.items()))


def _tell_nobody(name: str) -> None:
    """Nobody is told: a sample is done when all bounds are."""
    del name
