"""`foolscape.sweep`: models x data x attacks x bounds x seeds as one grid of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from foolscape.api.evaluate import silent
from foolscape.api.given import check_place, merged
from foolscape.api.means import Devices
from foolscape.api.report import Report
from foolscape.api.wording import in_its_words
from foolscape.api.written import at_work_in, load_run
from foolscape.errors import OutOfTimeError, SettingError, unknown
from foolscape.paths import path_of
from foolscape.records.places import RUNS
from foolscape.records.sweep import SweepCell, SweepRecord, SweepRow, read_sweep
from foolscape.records.types import to_json
from foolscape.run.settings.given_resources import resources_of, seconds_of
from foolscape.run.settings.keep import keep_of
from foolscape.run.settings.words import CALL
from foolscape.run.settings.yaml_file import read_mapping
from foolscape.run.sweep.drive import Means
from foolscape.run.sweep.drive import sweep as measure
from foolscape.run.sweep.grid import cells_of
from foolscape.run.sweep.lists import lists_of

_NOT_HERE: Final = ("shard", "shard_costs", "slices")


@dataclass(frozen=True)
class Sweep:
    """What became of a grid of runs.

    Attributes:
        directory: where it lies.
        record: sweep.json.
    """

    directory: Path
    record: SweepRecord

    @property
    def cells(self) -> tuple[SweepCell, ...]:
        """Every run of the grid: its name, what it is of, its `state`, and what it took."""
        return self.record.cells

    @property
    def rows(self) -> tuple[SweepRow, ...]:
        """What the finished ones found: scores, intervals and verdict at each bound."""
        return self.record.rows

    @property
    def finished(self) -> bool:
        """Whether every cell is done; else some have failed, were left, or wait."""
        return all(cell.state == "done" for cell in self.record.cells)

    def report(self, cell: str) -> Report:
        """The report of a cell by its name; `UnknownNameError` where there is none, RunError before it has begun."""
        names = [one.name for one in self.record.cells]
        if cell not in names:
            raise unknown("cell", cell, names)
        return load_run(self.directory / RUNS / cell)

    def to_json(self) -> str:
        """sweep.json."""
        return json.dumps(to_json(SweepRecord, self.record), indent=1)


@in_its_words
def sweep(
    grid: str | Path | Mapping[str, object],
    out: str | Path | None = None,
    *,
    keep: Literal["all", "shown", "none"] | None = None,
    workers: int | None = None,
    devices: Devices | None = None,
    cluster: str | None = None,
    budget: str | None = None,
    time_budget: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Sweep:
    """Measure a grid of runs, or go on with it, as `foolscape sweep` does.

    Args:
        grid: the YAML file of a sweep, or what it would hold: `models`, `data`, `attacks`, `eps`, `seeds`, each a list,
            `only` and `exclude`, and settings of a run for all cells.
        out: its directory; None: the one that `grid` names.
        keep: which pictures stay, as of `evaluate`.
        workers, devices, cluster: as of `evaluate`, for every cell.
        budget: the time of devices that the whole sweep may take, such as "12h"; cells that do not fit are left.
        time_budget: that of this call, such as "30m"; the same call goes on.
        say: takes a remark, one line; None: nobody is told.

    Raises:
        FoolscapeError: what is given does not fit; a cell that fails is recorded with its reason instead.
    """
    content = dict(grid) if isinstance(grid, Mapping) else read_mapping(path_of(grid))
    own = {"keep": keep, "workers": workers, "devices": devices, "cluster": cluster, "budget": budget,
           "out": None if out is None else str(out)}  # fmt: skip
    given = merged(content, own)
    for name in _NOT_HERE:
        if given.get(name) is not None:
            raise SettingError(f"{name}: is for a run, and a sweep has many; leave it out")
    place = given.pop("out", None)
    if place is None:
        raise SettingError("out: expected a directory for the sweep, got none")
    directory, held = check_place("out", place), given.pop("budget", None)
    whole = seconds_of(None if held is None else str(held), "budget")
    means = Means(keep=keep_of(given.pop("keep", None)), resources=resources_of(given), budget=whole)
    listener = silent(say).within(seconds_of(time_budget, "time_budget"))
    named = "grid" if isinstance(grid, Mapping) else json.dumps(str(grid))
    command = [f"{CALL}sweep({named}, out={json.dumps(str(directory))})"]
    cells = cells_of(lists_of(given))
    with at_work_in(directory, listener.say) as folder:
        with suppress(OutOfTimeError):
            measure(cells, content, folder, command, listener, means)
        return Sweep(directory, read_sweep(folder))
