"""sweep.json while a sweep is at work: what is known of its cells, on the disk whenever something becomes known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from foolscape.errors import RunError
from foolscape.records.places import REPORTS, RUNS
from foolscape.records.schema import SCHEMA
from foolscape.records.sweep import SWEEP, SweepCell, SweepRecord, SweepRow, SweepTrial, read_sweep
from foolscape.records.timings import read_timings
from foolscape.records.types import Object, to_json
from foolscape.run.directory.begun import write_json
from foolscape.run.directory.lock import strangers
from foolscape.run.sweep.estimate import estimates, units_by_cell
from foolscape.run.sweep.figures import rows_of
from foolscape.run.sweep.grid import Cell
from foolscape.run.sweep.there import Present


@dataclass(frozen=True)
class Plan:
    """What a sweep is to do, and with what.

    Attributes:
        present: its cells beside what is there.
        settings: what its file says.
        command: for sweep.json and every run.json.
        devices: on how many each cell is measured.
        workers: that measure at a time.
        budget: seconds of devices in all; None: all that it takes.
    """

    present: Present
    settings: Object
    command: tuple[str, ...]
    devices: int
    workers: int
    budget: float | None


@dataclass
class Journal:
    """sweep.json of the sweep in a directory.

    Attributes:
        directory: of the sweep.
        record: what it says now.
    """

    directory: Path
    record: SweepRecord

    def cell(self, name: str) -> SweepCell:
        """What is known of a cell."""
        return next(cell for cell in self.record.cells if cell.name == name)

    def put(self, changed: SweepCell, rows: Sequence[SweepRow] = ()) -> None:
        """Keep what became of a cell, and what it found."""
        cells = tuple(changed if cell.name == changed.name else cell for cell in self.record.cells)
        of = {cell.name: place for place, cell in enumerate(cells)}
        others = [row for row in self.record.rows if row.cell != changed.name]
        found = tuple(sorted((*others, *rows), key=lambda row: of[row.cell]))
        self.save(replace(self.record, cells=cells, rows=found))

    def keep(self, trial: SweepTrial) -> None:
        """Keep a trial, and what it says that its cells will take."""
        self.save(with_trial(self.record, trial))

    def save(self, record: SweepRecord) -> None:
        """Write the record."""
        self.record = record
        write_json(self.directory, SWEEP, as_json(record))


def with_trial(record: SweepRecord, trial: SweepTrial) -> SweepRecord:
    """The record with a trial, and with what it says that its cells will take."""
    said = estimates([trial], record.devices)
    cells = tuple(replace(cell, estimate=said.get(cell.name, cell.estimate)) for cell in record.cells)
    return replace(record, trials=(*record.trials, trial), cells=cells)


def as_json(record: SweepRecord) -> Object:
    """What sweep.json holds of a record."""
    return to_json(SweepRecord, record)


def earlier(directory: Path) -> SweepRecord | None:
    """What is known of a sweep that was begun in `directory`; None where none was.

    Raises:
        RunError: something else is there, or sweep.json is damaged.
    """
    if (directory / SWEEP).exists():
        return read_sweep(directory)
    found = strangers(directory) if directory.is_dir() else []
    if others := [name for name in found if name not in (RUNS, *REPORTS)]:
        raise RunError(
            f"expected an empty directory or a sweep in {directory}, got {', '.join(others[:3])}; choose another --out"
        )
    return None


def recorded(directory: Path, plan: Plan) -> SweepRecord:
    """sweep.json of a sweep that begins, or goes on, in `directory`; raises `RunError`."""
    before = earlier(directory)
    known = {} if before is None else {cell.name: cell for cell in before.cells}
    names = {cell.name for cell in plan.present.cells}
    trials = () if before is None else tuple(trial for trial in before.trials if names & set(trial.units))
    said = estimates(trials, plan.devices)
    cells = tuple(_cell(directory, cell, plan, known, said) for cell in plan.present.cells)
    rows = tuple(
        row
        for cell in plan.present.cells
        if cell.name in plan.present.done
        for row in rows_of(directory / RUNS / cell.name, cell)
    )
    return SweepRecord(
        schema=SCHEMA,
        foolscape=version("foolscape"),
        command=plan.command,
        settings=plan.settings,
        devices=plan.devices,
        budget=plan.budget,
        trials=trials,
        cells=cells,
        rows=rows,
        gone=plan.present.gone,
    )


def _cell(
    directory: Path, cell: Cell, plan: Plan, known: Mapping[str, SweepCell], said: Mapping[str, float]
) -> SweepCell:
    """What is known of a cell: of one that was killed, or of which nothing is written, the times of its attacks."""
    found = SweepCell(
        name=cell.name, model=cell.model, data=cell.data, attack=cell.attack, bounds=cell.bounds, seed=cell.seed
    )
    there = known.get(cell.name)
    before = found if there is None else there
    timed = sum(read_timings(directory / RUNS / cell.name).values()) / plan.workers
    done = cell.name in plan.present.done
    begun = before.state == "begun" or timed > 0
    return replace(
        found,
        state="done" if done else "begun" if begun else "waiting",
        estimate=said.get(cell.name, before.estimate),
        expected=before.expected,
        seconds=max(before.seconds, timed),
        clocked=before.clocked and (there is not None or not timed),
        attacking=before.attacking or timed,
    )


def untried(record: SweepRecord) -> frozenset[str]:
    """The cells that are to be measured and of which no trial says what they take."""
    known = units_by_cell(record.trials)
    return frozenset(cell.name for cell in record.cells if cell.state != "done" and cell.name not in known)
