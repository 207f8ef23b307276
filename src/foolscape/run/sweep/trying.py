"""Before anything is measured: every model is opened with its data, and a gradient says what its cells will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from foolscape.errors import FoolscapeError, LossError, UnwritableError
from foolscape.memory import first_line
from foolscape.records.sweep import SweepTrial
from foolscape.run.settings.device import ready_device
from foolscape.run.sweep.estimate import seconds_per_gradient, units_of
from foolscape.run.sweep.grid import Cell
from foolscape.run.sweep.opened import Opened, pair_of

ENDS_ALL = (UnwritableError, LossError)
"""Errors that are not a cell's own: no other cell could be written, or nothing may be left out."""


@dataclass(frozen=True)
class Tried:
    """What came of trying the cells of one model on one data set.

    Attributes:
        trial: what they will take; of a cell that cannot be measured it says nothing.
        faults: by cell why it cannot.
    """

    trial: SweepTrial
    faults: dict[str, str]


def tried(cells: Sequence[Cell], opened: Opened, clock: Callable[[], float]) -> Iterator[Tried]:
    """Try all cells, those of one model and its data together; their models can be opened, as far as that shows."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(pair_of(cell.config), []).append(cell)
    for pair, group in groups.items():
        yield _tried(pair, group, opened, clock)


def _tried(pair: str, group: Sequence[Cell], opened: Opened, clock: Callable[[], float]) -> Tried:
    units, faults, images = dict[str, float](), dict[str, str](), 0
    seconds: float | None = None
    started, shared = clock(), ""
    for cell in group:
        try:
            if shared:
                raise FoolscapeError(shared)
            setup = opened.setup_of(cell.config)
            if seconds is None:
                seconds = seconds_per_gradient(setup, ready_device(cell.config.device))
            images, units[cell.name] = len(setup.ids), units_of(setup, cell.config.probes)
        except ENDS_ALL:
            raise
        except Exception as error:
            faults[cell.name] = reason_of(error)
            if pair not in opened.held and not cell.config.compile:
                shared = faults[cell.name]  # of all of them: it is the same model that cannot be opened
    first = group[0]
    trial = SweepTrial(
        model=first.model, data=first.data, seconds=clock() - started, per_gradient=seconds, images=images, units=units
    )
    return Tried(trial, faults)


def reason_of(error: BaseException) -> str:
    """What became of a cell, in a line."""
    words = first_line(error)
    return words if isinstance(error, FoolscapeError) else f"{type(error).__name__}: {words}"
