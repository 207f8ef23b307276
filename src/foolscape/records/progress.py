"""progress.json: how far the command is that is at work in a run's directory. It is no figure of a run.

Two clocks are in it: times of day, which may jump and differ from machine to machine, and `seconds`, which do neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foolscape.errors import RunError
from foolscape.records.places import PROGRESS
from foolscape.records.reader import read_json
from foolscape.records.schema import check_schema
from foolscape.records.types import CLOSED, Text, dumped, read, to_json


@dataclass(frozen=True, kw_only=True)
class PartProgress:
    """One of the things that a command goes through image by image, such as an attack on a model.

    Attributes:
        title: what it is.
        done: images that are settled, those of earlier calls of the command too; in training, of all epochs.
        total: how many there are.
        failures: images that could not be measured, in this call.
        seconds: that this call has spent on it.
    """

    __pydantic_config__ = CLOSED

    title: Text
    done: int
    total: int
    failures: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class WorkerProgress:
    """A worker that takes part.

    Attributes:
        worker, node, device: who and where.
        answered: images that it has measured.
        pace: seconds that an image takes it, by the last ones; None before the first answer of any.
    """

    __pydantic_config__ = CLOSED

    worker: Text
    node: Text
    device: Text
    answered: int
    pace: float | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerGone:
    """A worker that died (`lost`) or was not let in (`refused`), and why."""

    __pydantic_config__ = CLOSED

    event: Literal["lost", "refused"]
    worker: Text
    node: Text
    reason: Text


@dataclass(frozen=True, kw_only=True)
class WholeProgress:
    """How far a command is that goes through several runs, of which the last part is one.

    Attributes:
        unit: what these runs are called, such as cells.
        done: how many have ended, those of earlier calls too.
        total: how many there are.
        ahead: seconds that those take which have not begun; None where that is not known of each.
    """

    __pydantic_config__ = CLOSED

    unit: Text
    done: int
    total: int
    ahead: float | None = None


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What was estimated before anything was measured.

    Attributes:
        seconds: that the command takes.
        memory: bytes that it takes of the host, or of the GPU where it computes on one; None: not known.
        runs: finished runs of the same kind on this machine by which it was corrected.
        low, high: the last estimates of these as shares of what it took, the lowest and the highest; None without any.
        took: seconds that it has taken; None before it is done.
    """

    __pydantic_config__ = CLOSED

    seconds: float
    memory: int | None = None
    runs: int = 0
    low: float | None = None
    high: float | None = None
    took: float | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a command is.

    Attributes:
        schema: `records.schema.SCHEMA`.
        command: such as run.
        state: `running`: it is at work, or was killed without a word; `stopped`: it ended before all was done.
        reason: of a stop: out of time, interrupted, terminated, or the message of an error.
        phase: what it does now.
        parts: what it has gone through and is going through, in this order.
        rate: images per second, by the last ones, or by the paces of the workers; None before the first.
        left: seconds until the last part is done, at this rate.
        whole: of a command that goes through several runs, how many of them are done; None: it is one run.
        workers: those that take part.
        gone: the last of those that were lost or not let in.
        gone_count: how many these are altogether.
        failures: images that could not be measured, in this call.
        started, updated: by the clock of its machine: UTC, ISO 8601.
        seconds: since it began, by a clock that does not jump.
        pid, host: its process, and on which machine.
        born: tells the process from a later one of the same number; None where the system does not say.
        memory: the most bytes of the host's memory that it has held.
        estimate: what was estimated.
    """

    __pydantic_config__ = CLOSED

    schema: int
    command: Text
    state: Literal["running", "finished", "stopped"]
    reason: Text = ""
    phase: Text
    parts: tuple[PartProgress, ...] = ()
    rate: float | None = None
    left: float | None = None
    whole: WholeProgress | None = None
    workers: tuple[WorkerProgress, ...] = ()
    gone: tuple[WorkerGone, ...] = ()
    gone_count: int = 0
    failures: int = 0
    started: str
    updated: str
    seconds: float
    pid: int
    host: Text
    born: str | None = None
    memory: int | None = None
    estimate: Foreseen | None = None

    @property
    def part(self) -> PartProgress | None:
        """What it is going through, or has gone through last."""
        return self.parts[-1] if self.parts else None

    @property
    def share(self) -> float:
        """What is done of all, from 0 to 1; of a command with several runs each counts as much as any other."""
        part = 0.0 if self.part is None or not self.part.total else self.part.done / self.part.total
        if self.whole is None:
            return part
        under_way = part if self.whole.done < self.whole.total and self.state == "running" else 0.0
        return (self.whole.done + under_way) / max(self.whole.total, 1)


def progress_bytes(progress: Progress) -> bytes:
    """What progress.json holds."""
    return dumped(to_json(Progress, progress), indent=1)


def read_progress(directory: Path) -> Progress | None:
    """What progress.json in `directory` says; None where there is none.

    Raises:
        RunError: it is damaged, or of another schema.
    """
    path = directory / PROGRESS
    if not path.exists():
        return None
    content = read_json(path)
    check_schema(path, content)
    try:
        return read(Progress, content)
    except ValueError as error:
        raise RunError(f"{path}: expected the progress of a command, got {error}; remove the file") from error
