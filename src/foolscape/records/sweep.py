"""sweep.json: the grid of a sweep, what became of each of its cells, and what they found; each cell is a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from foolscape.errors import RunError
from foolscape.records.reader import read_object
from foolscape.records.subjects import Reference
from foolscape.records.summary import Interval
from foolscape.records.types import CLOSED, Object, Text, read

SWEEP: Final = "sweep.json"
"""The grid and the results of a sweep, beside the folder `runs` of its cells."""

State = Literal["waiting", "begun", "done", "failed", "left"]
"""Of a cell: not begun; begun and not finished; finished; ended in an error; left, for the budget does not hold it."""


@dataclass(frozen=True, kw_only=True)
class SweepTrial:
    """What was tried of a model on a data set, before its cells were begun.

    Attributes:
        model, data: as cells call them.
        seconds: that opening and trying took.
        per_gradient: seconds of one gradient of one image; null where a gradient of one image says nothing, as of
            clips, or where nothing could be opened.
        images: how many images its cells measure.
        units: by cell the gradients, or what costs as much, that it takes at most.
    """

    __pydantic_config__ = CLOSED

    model: Text
    data: Text
    seconds: float
    per_gradient: float | None
    images: int
    units: dict[Text, float]


@dataclass(frozen=True, kw_only=True)
class SweepCell:
    """A run of the grid: one model on one data set under one attack, at all of its bounds, with one seed.

    Attributes:
        name: of its directory below `runs`.
        model, data, attack: as the file of the sweep has them.
        bounds: of the attack; empty where it has its own or none.
        seed: of everything random.
        state: what became of it.
        reason: why it failed or was left; else empty.
        estimate: seconds that it was to take, from the trial alone; null where there is none.
        expected: the same, corrected by what other cells had taken when it was begun.
        seconds: that it has taken by the clock, all attempts together.
        clocked: whether the clock has all of that; of an attempt that was killed only its attacks' times are known.
        attacking: seconds of them that its attack took: those of timings.jsonl, divided by the workers there were.
    """

    __pydantic_config__ = CLOSED

    name: Text
    model: Text
    data: Text
    attack: Text
    bounds: tuple[str, ...]
    seed: int
    state: State = "waiting"
    reason: Text = ""
    estimate: float | None = None
    expected: float | None = None
    seconds: float = 0.0
    clocked: bool = True
    attacking: float = 0.0

    @property
    def took(self) -> float | None:
        """The seconds that it took; None before it is done, and where the clock does not have them all."""
        return self.seconds if self.state == "done" and self.clocked and self.seconds else None

    @property
    def ratio(self) -> float | None:
        """What it took as a multiple of what the trial had said; None where either is not known."""
        return self.took / self.estimate if self.took and self.estimate else None

    @property
    def missed(self) -> float | None:
        """The same of what was expected of it when it was begun."""
        return self.took / self.expected if self.took and self.expected else None


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """What a cell found at one of its bounds.

    Attributes:
        cell: its name.
        model, data, attack, seed: of the cell.
        bound: within which; null where the attack has its own or none, or there is no attack.
        task, reference: of the run.
        score, label, unit: the key of the headline score, how it is written, and its unit.
        higher: whether more of the score is better.
        clean, attacked, shuffled, noise: the score of the images, of the attacked ones and of the controls.
        clean_ci95, attacked_ci95: intervals.
        success_rate: percentage of the judged images that were fooled.
        median_levels: the median of the smallest changes that fooled, of an attack that looks for them.
        verdict: whether the figures can be trusted.
        images, failures: measured, and those that could not be used.
    """

    __pydantic_config__ = CLOSED

    cell: Text
    model: Text
    data: Text
    attack: Text
    seed: int
    bound: str | None
    task: str
    reference: Reference
    score: str
    label: str
    unit: str
    higher: bool
    clean: float | None
    clean_ci95: Interval = None
    attacked: float | None = None
    attacked_ci95: Interval = None
    shuffled: float | None = None
    noise: float | None = None
    success_rate: float | None = None
    median_levels: int | None = None
    verdict: str
    images: int
    failures: int


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """sweep.json.

    Attributes:
        schema: `records.schema.SCHEMA`.
        foolscape: the version that wrote it.
        command: with which it was begun or gone on with last.
        settings: what the file of the sweep says.
        devices: on how many each cell is measured.
        budget: seconds of devices that the sweep may take in all; null: all that it takes.
        trials: what was tried before cells were begun.
        cells: in the order in which they are measured.
        rows: what the finished cells found, in their order.
        gone: runs that are there, of cells that the file does not list any more.
    """

    __pydantic_config__ = CLOSED

    schema: int
    foolscape: str
    command: tuple[Text, ...]
    settings: Object
    devices: int
    budget: float | None
    trials: tuple[SweepTrial, ...]
    cells: tuple[SweepCell, ...]
    rows: tuple[SweepRow, ...]
    gone: tuple[Text, ...] = ()

    @property
    def spent(self) -> float:
        """Seconds of devices that cells and trials have taken."""
        return self.devices * sum(cell.seconds for cell in self.cells) + sum(trial.seconds for trial in self.trials)


def read_sweep(directory: Path) -> SweepRecord:
    """sweep.json in `directory`; RunError where there is none, or it has not the form of one."""
    path = directory / SWEEP
    found = read_object(path, "Name the folder that `foolscape sweep` was given as --out.")
    try:
        return read(SweepRecord, found)
    except ValueError as error:
        raise RunError(
            f"{path}: does not have the form of a sweep: {error}. Delete that file alone; the same command finds the "
            "finished runs again"
        ) from error
