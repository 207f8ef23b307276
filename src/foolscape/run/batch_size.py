"""How many images a call of the model gets: found by trying, and halved where memory runs short."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

from foolscape.attacks.engine.ascent import never
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.memory import first_line, give_back, halving, is_short
from foolscape.records.run import RunRecord
from foolscape.run.directory.begun import read_settings
from foolscape.run.directory.store import RunStore, run_record
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.settings.config import AUTO, RunConfig
from foolscape.run.setup import LoadedModel, Setup
from foolscape.run.tasks.base import TaskRunner
from foolscape.tasks.base import task_named

T = TypeVar("T")

MOST: Final = 64
"""The largest batch that is tried."""

_GAIN: Final = 1.05
"""A batch pays if it is at least so many times as fast as one half as large."""

_STEPS: Final = 2
"""Of the attack, in a trial; the trial before it, which is not counted, is for PyTorch to get ready."""


def batch_size_of(config: RunConfig, setup: Setup, device: torch.device, out: Path, say: Callable[[str], None]) -> int:
    """Images per call of the models: what the user says, else as many as pay on the device.

    Clips are followed one by one on every device: what a tracker made of the later frames belongs to one clip. A run
    that goes on in `out` keeps the batch that it began with, for a trial might find another one today.
    """
    if isinstance(config.batch, int):
        return config.batch
    if not config.attacks or task_named(str(config.task)).clips or (config.batch != AUTO and device.type == "cpu"):
        return 1
    begun = read_settings(out)
    if isinstance(begun, RunRecord):
        return begun.batch
    most = min(MOST, len(setup.ids))
    tried_batches = [
        (*widest(speed, most), entry.subject.spec) for entry in setup.entries if (speed := trial(entry, setup.ids))
    ]
    batch, why, spec = min(tried_batches, default=(1, "no image could be attacked", setup.entries[0].subject.spec))
    say(f"batch: {batch} found by trying {spec}: {why}")
    return batch


def widest(speed: Callable[[int], float], most: int) -> tuple[int, str]:
    """The batch to run at, and why no larger one: doubled from 1 on, while speed grows and memory lasts.

    Args:
        speed: from a batch to gradients per second, one for each image of it and step.
        most: no larger batch is tried.

    Raises:
        Exception: whatever `speed` raises, for want of memory at a batch of 1 alone.
    """
    batch, fastest = 1, speed(1)
    while 2 * batch <= most:
        words = ""
        try:
            now = speed(2 * batch)
        except Exception as error:
            if not is_short(error):
                raise
            words = first_line(error)
        if words:  # only here the traceback is gone, and with it the tensors that its frames held
            give_back()
            return batch, f"memory is short at {2 * batch} ({words})"
        if now < _GAIN * fastest:
            return batch, f"{now:.3g} gradients per second at {2 * batch}, {fastest:.3g} at {batch}"
        batch, fastest = 2 * batch, now
    return batch, f"no more than {most} were tried"


def trial(entry: LoadedModel, ids: Sequence[str]) -> Callable[[int], float] | None:
    """From a batch to the speed of the attack on the first image that can be attacked; None if there is none."""
    plan = entry.plan
    if plan is None:
        return None
    make_item = next((make_item for name in ids if (make_item := _maker(entry.subject, name, plan)) is not None), None)
    if make_item is None:
        return None
    ascent = replace(plan.ascent, steps=_STEPS, stop=never, free=0)

    def speed(batch: int) -> float:
        for _ in range(2):
            item = make_item()
            begin = time.perf_counter()
            # An outcome holds numbers of the host's, so that an accelerator has finished when it comes.
            list(ascend([item], ascent, batch_size=batch))
            spent = time.perf_counter() - begin
        return batch * _STEPS / spent

    return speed


def _maker(subject: TaskRunner[Any, Any], name: str, plan: Any) -> Callable[[], AttackItem] | None:
    """What makes an attack item of the sample `name`, anew each time; None if it cannot be attacked."""
    try:
        case = subject.load(name)
        subject.attack_item(case, plan, 0)
    except FAULTS as error:
        reason_of(error)
        return None
    return lambda: subject.attack_item(case, plan, 0)


@dataclass(frozen=True)
class Room:
    """What each model of a run has room for, as the run's record says: all begin with the run's batch.

    Attributes:
        store: of the run.
        say: takes a remark.
    """

    store: RunStore
    say: Callable[[str], None]

    def halving(self, spec: str, work: Callable[[int], T]) -> T:
        """`work` with the batch of the model `spec`; see `memory.halving`. A smaller batch is kept for the model."""

        def narrow(batch: int, words: str) -> None:
            self.store.keep(narrowed={**run_record(self.store).narrowed, spec: batch})
            self.say(f"{spec}: memory is short ({words}); goes on with a batch of {batch}")

        return halving(work, self.batch_of(spec), narrow)

    def batch_of(self, spec: str) -> int:
        """What the model `spec` has had room for."""
        record = run_record(self.store)
        return record.narrowed.get(spec, record.batch)
