"""`foolscape sweep`: models, data sets, attacks, bounds and seeds as one grid of runs, from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foolscape.attacks.names import NONE
from foolscape.cli.console import tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import KEEP, CommandArguments
from foolscape.cli.manners import AttackedScores, JobOutcome
from foolscape.cli.measure import Beside, beside_of
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.cli.resources import WORKER_FLAGS
from foolscape.errors import SettingError
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of
from foolscape.run.settings.given_resources import seconds_of
from foolscape.run.settings.shown import DATA, RESOURCES
from foolscape.run.settings.yaml_file import read_mapping
from foolscape.run.sweep.lists import Lists, lists_of
from foolscape.verdict import Verdict

if TYPE_CHECKING:
    from foolscape.records.types import Object
    from foolscape.run.listener import Listener

_FILE: Final = Flag(
    "file", Path, "YAML file of what is measured: models, data, attacks, eps, seeds, each a list, and settings of run.",
    DATA, metavar="FILE.yaml", several=True, required=True, positional=True,
)  # fmt: skip

_BUDGET: Final = Flag(
    "budget", str, "Time of devices that the whole sweep may take, each of several counted, such as 12h; cells that do "
    "not fit are left, and a larger one goes on with them.", RESOURCES, metavar="TIME", default="none",
)  # fmt: skip

_WORST: Final = (Verdict.NOT_TRUSTED, Verdict.NOT_DECIDED, Verdict.TRUSTED)


def sweep(arguments: CommandArguments) -> None:
    """Measure models on data sets under attacks, within bounds, with seeds: all that a file lists, and one page.

    Every cell of the grid is a run of its own. The same command goes on where it was stopped, also with a changed file.
    """
    settings, manners = dict(arguments.settings), arguments.manners
    file = _file(settings.pop("file"))
    content = read_mapping(file)
    given = {**content, **settings}
    out = _out(out_of(arguments.out, given), file, new=manners.new)
    budget = seconds_of(_text(given.pop("budget", None)), "budget")
    for name in ("shard", "shard_costs", "slices"):
        if given.get(name) is not None:
            raise SettingError(f"{name}: is for a run, and a sweep has many; leave it out")
    beside, lists = beside_of(given), lists_of(given)
    check_names([entry.name for entry in lists.models])
    if not manners.quiet:
        tell(f"out: {out}")
    carry_out(lambda: _job(lists, content, file, beside, budget, out), out, replace(manners, new=False))


def sweep_flags() -> list[Flag]:
    """The arguments and options of `sweep`."""
    return [_FILE, KEEP, _BUDGET, *WORKER_FLAGS]


def _file(named: object) -> Path:
    if not isinstance(named, list) or len(named) != 1:
        raise SettingError(f"expected one file of a sweep, got {len(named) if isinstance(named, list) else named}")
    return path_of(named[0])


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _out(out: Path | None, file: Path, *, new: bool) -> Path:
    """`out`, or else `runs/sweep-FILE`, which belongs to a file that may change; with `new` the next that is free."""
    if out is not None:
        if new:
            raise SettingError("new: is for sweeps without --out, which then take the next number; leave one out")
        return out
    from foolscape.run.directory.place import RUNS, name_of

    first = RUNS / name_of("sweep", file.stem)
    if not new or not first.exists():
        return first
    return next(path for number in count(2) if not (path := Path(f"{first}-{number}")).exists())


def _job(
    lists: Lists, content: Mapping[str, object], file: Path, beside: Beside, budget: float | None, out: Path
) -> Job:
    """What `foolscape sweep` does with what a file lists."""
    from foolscape.metrics.score import scores_of
    from foolscape.records.sweep import SWEEP
    from foolscape.run.directory.place import PlannedRun
    from foolscape.run.settings.task_of import with_task
    from foolscape.run.sweep.drive import Means
    from foolscape.run.sweep.drive import sweep as measure
    from foolscape.run.sweep.grid import cells_of
    from foolscape.run.sweep.preview import preview_sweep

    cells = cells_of(lists)
    means = Means(beside.resources, beside.keep, budget)

    def work(place: Path, command: Sequence[str], listener: Listener) -> Object:
        return measure(cells, dict(content), place, command, listener, means)

    def keys() -> list[str]:
        tasks = {str(with_task(cell.config).task) for cell in cells if not cell.fault}
        return sorted({scores_of(task).default.headline for task in tasks})

    return Job(
        command="sweep",
        planned_run=PlannedRun(f"sweep-{file.stem}", {}, SWEEP),
        keys=keys,
        work=work,
        outcome=_outcome,
        preview=lambda: preview_sweep(cells, out, means),
    )


def _outcome(document: Object) -> JobOutcome:
    """Of every cell the headline score that is left; the worst verdict of all."""
    from foolscape.records.sweep import SweepRecord
    from foolscape.records.types import read

    record = read(SweepRecord, document)
    attacked = [
        AttackedScores(row.model, [row.score], {row.score: row.clean if row.attack == NONE else row.attacked})
        for row in record.rows
    ]
    failures = {row.cell: row.failures for row in record.rows}
    verdicts = {row.verdict for row in record.rows}
    worst = next((str(verdict) for verdict in _WORST if verdict in verdicts), str(Verdict.NOT_DECIDED))
    states = [cell.state for cell in record.cells]
    return JobOutcome(attacked, sum(failures.values()), worst, states.count("failed"), states.count("left"))
