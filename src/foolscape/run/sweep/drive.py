"""A sweep from its cells to its page: each is tried, then measured as a run of its own, the most telling first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from foolscape.cluster.keeping import engines_kept
from foolscape.errors import DeviceError, OutOfTimeError, RunError
from foolscape.records.places import RUNS
from foolscape.records.progress import WholeProgress
from foolscape.records.reader import read_record
from foolscape.records.run import Keep
from foolscape.records.sweep import SweepCell
from foolscape.records.timings import read_timings
from foolscape.records.types import Object
from foolscape.report.pages.sweep import write_sweep_report
from foolscape.report.tables.table import duration
from foolscape.run.directory.lock import locked, own
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.setup import Setup
from foolscape.run.spread.engines import refuse_no_engine
from foolscape.run.sweep.estimate import expected, time_left
from foolscape.run.sweep.figures import rows_of
from foolscape.run.sweep.grid import Cell
from foolscape.run.sweep.journal import Journal, Plan, as_json, recorded, untried
from foolscape.run.sweep.opened import Opened
from foolscape.run.sweep.there import present
from foolscape.run.sweep.trying import ENDS_ALL, reason_of, tried


@dataclass(frozen=True)
class Means:
    """With what a sweep is carried out; no part of what it measures.

    Attributes:
        resources: of every cell.
        keep: which pictures stay, as of `execute`.
        budget: seconds of devices that it may take in all; None: all that it takes.
        clock: seconds; only differences count.
    """

    resources: Resources = ALONE
    keep: Keep | None = None
    budget: float | None = None
    clock: Callable[[], float] = time.monotonic

    @property
    def devices(self) -> int:
        """On how many each cell is measured: workers of one machine without devices of their own share one."""
        workers = self.resources.workers if self.resources.cluster is not None else None
        return len(self.resources.devices) or workers or 1

    @property
    def workers(self) -> int:
        """How many measure at a time."""
        return self.resources.shared_by


@dataclass(frozen=True)
class _Sweep:
    """A sweep at work."""

    cells: Sequence[Cell]
    journal: Journal
    means: Means
    listener: Listener
    opened: Opened = field(default_factory=Opened)

    @property
    def left(self) -> float | None:
        """Seconds of devices that the budget still holds; None: all that it takes."""
        return None if self.means.budget is None else self.means.budget - self.journal.record.spent


def sweep(
    cells: Sequence[Cell], settings: Object, out: Path, command: Sequence[str], listener: Listener, means: Means
) -> Object:
    """Measure the cells of a sweep in `out`, or go on with them, and write its page; what sweep.json holds.

    A cell that fails is recorded with its reason, and the others go on; it is tried again by the same command. One
    that the budget does not hold is left.

    Args:
        cells: of `grid.cells_of`.
        settings: what its file says.
        out: where; every cell is a run in `out/runs`.
        command: for sweep.json and every run.json.
        listener: whom to tell.
        means: with what it is carried out.

    Raises:
        OutOfTimeError: the listener has had enough; the same command goes on.
        RunError: something else is in `out`, or another process is at work in it.
        UnwritableError, LossError: as of `execute`.
    """
    refuse_no_engine(means.resources)
    with locked(out), engines_kept():
        plan = Plan(present(out, cells), settings, tuple(command), means.devices, means.workers, means.budget)
        journal = Journal(out, recorded(out, plan))
        own(out)
        journal.save(journal.record)
        own(out)
        state = _Sweep(plan.present.cells, journal, means, listener)
        _say_what_is_there(state)
        try:
            _try_all(state)
            for cell in state.cells:
                _settle(state, cell)
        finally:
            write_sweep_report(out)
        return as_json(journal.record)


def _say_what_is_there(state: _Sweep) -> None:
    record, say = state.journal.record, state.listener.say
    done = sum(cell.state == "done" for cell in record.cells)
    if done:
        say(f"{done} of {len(record.cells)} cells are finished already")
    if record.gone:
        say(f"not in the file any more, and left as they are: {', '.join(record.gone)}")


def _try_all(state: _Sweep) -> None:
    """Keep what the cells will take of which nothing is known yet; what cannot be opened has failed."""
    wanted = untried(state.journal.record)
    for cell in state.cells:
        if cell.fault:
            state.journal.put(replace(state.journal.cell(cell.name), state="failed", reason=cell.fault))
    cells = [cell for cell in state.cells if cell.name in wanted and not cell.fault]
    for one in tried(cells, state.opened, state.means.clock):
        state.journal.keep(one.trial)
        for name, reason in one.faults.items():
            state.journal.put(replace(state.journal.cell(name), state="failed", reason=reason))
    seconds, unknown = time_left(state.journal.record.cells, state.journal.record.trials)
    if cells:
        more = f", and {unknown} of which nothing is known yet" if unknown else ""
        state.listener.say(f"about {duration(seconds)} for the cells that are to be measured, at most{more}")


def _settle(state: _Sweep, cell: Cell) -> None:
    """Measure a cell, unless it is done, has failed or does not fit into the budget."""
    record, known = state.journal.record, state.journal.cell(cell.name)
    if known.state in ("done", "failed"):
        return
    needed, left = expected(known, record.cells, record.trials), state.left
    if left is not None:
        ahead = 0.0 if needed is None else max(0.0, needed - known.seconds) * record.devices
        if left <= 0 or ahead > left:
            takes = "takes a time of which nothing is known" if needed is None else f"takes about {duration(ahead)}"
            of = f"{duration(max(left, 0.0))} of the budget of {duration(state.means.budget or 0.0)} are left"
            state.journal.put(replace(known, state="left", reason=f"{takes}, {of}"))
            return
    known = replace(known, state="begun", reason="", expected=needed)
    state.journal.put(replace(known, clocked=False))  # until the clock has been read again
    _measure(state, cell, known)
    _tell_whole(state)
    write_sweep_report(state.journal.directory)


def _measure(state: _Sweep, cell: Cell, known: SweepCell) -> None:
    """Measure a cell, of which so much is `known`; what it took is kept in any case."""
    journal, clock, started = state.journal, state.means.clock, state.means.clock()
    place = journal.directory / RUNS / cell.name

    def timed() -> SweepCell:
        seconds = known.seconds + clock() - started
        attacking = min(seconds, sum(read_timings(place).values()) / state.means.workers)
        return replace(known, seconds=seconds, attacking=attacking)

    try:
        with _told(state, cell, started) as listener:
            _execute(state, cell, place, listener)
    except OutOfTimeError:
        if state.listener.enough():
            journal.put(timed())
            raise
        journal.put(replace(timed(), state="left", reason="begun; the budget is spent"))
    except ENDS_ALL:
        journal.put(timed())
        raise
    except Exception as error:
        journal.put(replace(timed(), state="failed", reason=reason_of(error)))
        state.listener.say(f"{cell.name} failed: {reason_of(error)}")
    except BaseException:
        journal.put(timed())
        raise
    else:
        journal.put(replace(timed(), state="done"), rows_of(place, cell))


def _execute(state: _Sweep, cell: Cell, place: Path, listener: Listener) -> None:
    """The run of a cell, and once more with nothing else in memory, where that was short."""
    command, means = state.journal.record.command, state.means

    def run() -> None:
        setup = state.opened.setup_of(cell.config)
        _refuse_changed(state, cell, setup)
        execute(cell.config, place, command, listener, setup, keep=means.keep, resources=means.resources)

    try:
        run()
    except DeviceError:
        if not state.opened.let_go():
            raise
    else:
        return
    run()


def _refuse_changed(state: _Sweep, cell: Cell, setup: Setup) -> None:
    """`RunError` where a finished cell was measured with another model of this name: a table does not mix them."""
    (entry,) = setup.entries
    here = json.loads(json.dumps([entry.sha256, entry.identity]))
    for other in state.journal.record.cells:
        if other.state != "done" or (other.model, other.data) != (cell.model, cell.data):
            continue
        record = read_record(state.journal.directory / RUNS / other.name)
        there = [[model.weights_sha256, model.identity] for model in record.models]
        if there != [here]:
            raise RunError(
                f"expected the {cell.model} that {other.name} was measured with, got other weights, code or libraries; "
                f"delete {RUNS}/{other.name} to measure it again, or choose another --out"
            )


def _tell_whole(state: _Sweep, but: str = "") -> None:
    """Tell how many cells have ended, and what those take that wait, but for the one that begins."""
    record = state.journal.record
    ended = sum(other.state not in ("waiting", "begun") for other in record.cells)
    seconds, unknown = time_left([other for other in record.cells if other.name != but], record.trials)
    ahead = None if unknown else round(seconds, 1)
    state.listener.whole(WholeProgress(unit="cells", done=ended, total=len(record.cells), ahead=ahead))


@contextmanager
def _told(state: _Sweep, cell: Cell, started: float) -> Iterator[Listener]:
    """Whom a cell tells: its progress stands beside that of the sweep, and it ends with the sweep's budget."""
    record, left, clock = state.journal.record, state.left, state.means.clock
    place = next(number for number, other in enumerate(record.cells, 1) if other.name == cell.name)
    seconds, unknown = time_left(record.cells, record.trials)
    about = f"about {duration(seconds)} left{' and more' if unknown else ''}"
    _tell_whole(state, but=cell.name)
    state.listener.say(f"cell {place} of {len(record.cells)}, {about}: {cell.title}")
    settled = 0

    @contextmanager
    def progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        with state.listener.progress(f"cell {place}/{len(record.cells)}, {title}", total, done) as tick:

            def count(name: str) -> None:
                nonlocal settled
                settled += 1
                tick(name)

            yield count

    def enough() -> bool:
        spent = left is not None and (clock() - started) * record.devices >= left
        return state.listener.enough() or (settled > 0 and spent)

    # A sweep has estimates of its own.
    yield replace(state.listener, progress=progress, enough=enough, foreseen=None)
