"""The tables of a sweep: models by data, attack and bound; what its cells took, and why some were not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from foolscape.records.summary import Interval
from foolscape.records.sweep import SweepCell, SweepRecord, SweepRow
from foolscape.report.tables.labels import reference_notes
from foolscape.report.tables.short import short_names
from foolscape.report.tables.table import DASH, Cell, Table, between, counted, duration, known, number

_SEEDS: Final = "Over several seeds a score is their mean, below it the least and the largest where these differ."
_ONE_SEED: Final = "Below a score: its 95 % interval over images, where there is one."
_NOTES: Final = (
    "Noise: uniform, as large as the change of the attack; it should do less harm.",
    "Every cell is a run of foolscape run; its page says how each figure is counted, and why it can be trusted or not.",
)
_STATES: Final = {
    "waiting": "not begun",
    "begun": "begun",
    "failed": "failed",
    "left": "left out",
    "done": "run deleted",
}
"""How a table says of a cell without figures what became of it."""


@dataclass(frozen=True)
class SweepLine:
    """A model on a data set under an attack within a bound, with all seeds.

    Attributes:
        model, data, attack, bound: which it is.
        rows: what was found, a row for each seed that is measured.
        pending: the cells that have no figures of it.
    """

    model: str
    data: str
    attack: str
    bound: str | None
    rows: tuple[SweepRow, ...]
    pending: tuple[SweepCell, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its columns, pooled over the seeds."""
        return (
            Cell(self.attack, () if self.bound is None else (f"within {self.bound}",)),
            _pooled(self.rows, lambda row: (row.clean, row.clean_ci95)),
            _pooled(self.rows, lambda row: (row.attacked, row.attacked_ci95)),
            _pooled(self.rows, lambda row: (row.noise, None)),
            _success(self.rows),
            Cell(self.verdict),
        )

    @property
    def score(self) -> tuple[str, ...]:
        """The name of its score and the unit, where there are figures."""
        return tuple(f"{row.label} {row.unit}".rstrip() for row in self.rows[:1])

    @property
    def verdict(self) -> str:
        """The verdict, how often it is each where seeds differ, or what became of the cells."""
        words = [row.verdict for row in self.rows] + [_STATES[cell.state] for cell in self.pending]
        if len(set(words)) == 1:
            return words[0]
        return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def lines_of(sweep: SweepRecord) -> tuple[SweepLine, ...]:
    """The lines of the first table: by model, data, attack and bound, each in the order of the grid."""
    found: dict[tuple[str, str, str, str | None], tuple[list[SweepRow], list[SweepCell]]] = {}
    rows = {cell.name: [row for row in sweep.rows if row.cell == cell.name] for cell in sweep.cells}
    for cell in sweep.cells:
        if not rows[cell.name]:
            for bound in cell.bounds or (None,):
                found.setdefault((cell.model, cell.data, cell.attack, bound), ([], []))[1].append(cell)
        for row in rows[cell.name]:
            bound = row.bound if cell.bounds else None
            found.setdefault((row.model, row.data, row.attack, bound), ([], []))[0].append(row)
    lines = [SweepLine(*key, tuple(done), tuple(pending)) for key, (done, pending) in found.items()]
    ranks = [_places(getattr(cell, name) for cell in sweep.cells) for name in ("model", "data", "attack")]
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                *(rank[name] for rank, name in zip(ranks, (line.model, line.data, line.attack), strict=True)),
                _levels(line.bound),
            ),
        )
    )


def sweep_tables(sweep: SweepRecord) -> tuple[Table, ...]:
    """All tables: the scores on each data set, what was not measured, what each cell took."""
    return (*(table for table, _ in scores(sweep)), *not_measured(sweep), took(sweep))


def scores(sweep: SweepRecord) -> list[tuple[Table, tuple[SweepLine, ...]]]:
    """For each data set every model under every attack, within every bound, with the lines that its rows are of."""
    lines = lines_of(sweep)
    data_sets = list(dict.fromkeys(line.data for line in lines))
    found = []
    for place, data in enumerate(data_sets):
        own = tuple(line for line in lines if line.data == data)
        found.append((_scores(sweep, "sweep" if not place else f"sweep-{place + 1}", data, own), own))
    return found


def _scores(sweep: SweepRecord, name: str, data: str, lines: Sequence[SweepLine]) -> Table:
    rows, last = [], ""
    for line in lines:
        leads = line.model != last
        last = line.model
        score = next((other.score for other in lines if other.model == line.model and other.score), ())
        rows.append((Cell(line.model, score) if leads else Cell(""), *line.cells))
    headers = (
        Cell("model"), Cell("attack"), Cell("clean"), Cell("attacked"), Cell("noise"), Cell("success", ("%",)),
        Cell("verdict"),
    )  # fmt: skip
    several = len({cell.seed for cell in sweep.cells}) > 1
    against = {(row.task, row.reference) for line in lines for row in line.rows}
    unlabelled = dict.fromkeys(note for one in sorted(against) for note in reference_notes(*one))
    faded = frozenset(place for place, line in enumerate(lines) if not line.rows)
    remarks = (*unlabelled, _SEEDS if several else _ONE_SEED)
    return Table(name, f"Scores on {data}", headers, tuple(rows), _NOTES, 2, named=True, remarks=remarks, faded=faded)


def not_measured(sweep: SweepRecord) -> tuple[Table, ...]:
    """The cells that failed or were left, by model and reason; empty without any."""
    groups: dict[tuple[str, str, str], list[SweepCell]] = {}
    for cell in sweep.cells:
        if cell.reason and cell.state != "done":
            groups.setdefault((cell.model, _STATES[cell.state], cell.reason), []).append(cell)
    if not groups:
        return ()
    rows = tuple(
        (Cell(model, tuple(map(title_of, cells))), Cell(state), Cell(reason))
        for (model, state, reason), cells in groups.items()
    )
    headers = (Cell("model"), Cell(""), Cell("reason"))
    remark = "The same command tries failed cells again; what the budget left goes on with a larger one."
    return (Table("not-measured", "Not measured", headers, rows, texts=3, remarks=(remark,)),)


def took(sweep: SweepRecord) -> Table:
    """What every cell took, beside what was expected of it."""
    rows = []
    for cell in sweep.cells:
        times = (cell.estimate, cell.expected, cell.seconds or None)
        shown = (Cell(DASH if seconds is None else duration(seconds)) for seconds in times)
        state = "done" if cell.state == "done" else _STATES[cell.state]
        rows.append((Cell(cell.name), Cell(state), *shown, Cell(number(cell.ratio, 2)), Cell(number(cell.missed, 2))))
    headers = (
        Cell("run"), Cell(""), Cell("trial", ("at most",)), Cell("expected", ("when begun",)), Cell("took"),
        Cell("times", ("trial",)), Cell("times", ("expected",)),
    )  # fmt: skip
    notes = (
        "Trial: what one gradient of one image says, tried before anything was begun. Expected: the same, corrected by "
        "what the finished cells that are most alike had taken, for gradients and for all else.",
    )
    return Table("took", "What the cells took", headers, tuple(rows), notes, texts=2, remarks=(how_wrong(sweep),))


def how_wrong(sweep: SweepRecord) -> str:
    """How wrong the estimates were, and what the whole took."""
    whole = f"All together took {duration(sweep.spent)} of {'a device' if sweep.devices == 1 else 'devices'}"
    if sweep.budget is not None:
        whole += f", of a budget of {duration(sweep.budget)}"
    done = [cell for cell in sweep.cells if cell.ratio is not None]
    if not done:
        return f"{whole}; no estimate can be compared with what a cell took yet."
    trial = _spread([cell.ratio for cell in done if cell.ratio is not None])
    then = _spread([cell.missed for cell in done if cell.missed is not None])
    corrected = f", {then} times what was expected of them when they were begun" if then else ""
    return f"{whole}. {counted(len(done), 'cell')} took {trial} times what their trial had said{corrected}."


def _spread(ratios: Sequence[float]) -> str:
    """The median and the ends of ratios; empty without any."""
    if not ratios:
        return ""
    ends = f" ({number(min(ratios), 2)}{DASH}{number(max(ratios), 2)})" if len(ratios) > 1 else ""
    return f"{number(median(ratios), 2)}{ends}"


def headline(sweep: SweepRecord) -> str:
    """The sweep in a sentence: of which model the least and the most is left, each under what hurts it most."""
    weakest: dict[str, tuple[float, SweepLine]] = {}
    for line in lines_of(sweep):
        if (share := _share_left(line)) is not None:
            found = weakest.get(line.model)
            weakest[line.model] = (share, line) if found is None or share < found[0] else found
    ordered = [line for _, line in sorted(weakest.values(), key=_first)]
    if not ordered:
        return f"{counted(len(sweep.cells), 'cell')}, none of them measured under an attack yet."
    names = short_names(weakest)
    least = f"Least is left of {_told(ordered[0], names)}"
    return f"{least}; most of {_told(ordered[-1], names)}." if len(ordered) > 1 else f"{least}."


def _share_left(line: SweepLine) -> float | None:
    """The share of the clean score that is left; None where that is none, or nothing was attacked."""
    clean, left = _mean(line.rows, lambda row: row.clean), _mean(line.rows, lambda row: row.attacked)
    if clean is None or left is None:
        return None
    whole, part = (clean, left) if line.rows[0].higher else (left, clean)
    return part / whole if whole else None


def title_of(cell: SweepCell) -> str:
    """A cell of a model in words."""
    within = f" within {', '.join(cell.bounds)}" if cell.bounds else ""
    return f"{cell.attack}{within}, {cell.data}, seed {cell.seed}"


def progress(sweep: SweepRecord) -> str:
    """How many cells are done: `3 of 4 cells, 1 failed`."""
    states = [cell.state for cell in sweep.cells]
    done = f"{states.count('done')} of {counted(len(states), 'cell')}"
    others = [f"{states.count(state)} {_STATES[state]}" for state in ("failed", "left", "begun") if state in states]
    return ", ".join([done, *others])


def mean_and_ends(rows: Sequence[SweepRow], of: Callable[[SweepRow], tuple[float | None, Interval]]) -> tuple[
    float | None, float | None, float | None
]:  # fmt: skip
    """A score pooled over seeds, and its ends: of one seed its interval, of several the least and the largest."""
    values = [value for row in rows if (value := known(of(row)[0])) is not None]
    if not values:
        return None, None, None
    if len(values) > 1:
        return fmean(values), min(values), max(values)
    low, high = next(of(row)[1] for row in rows if known(of(row)[0]) is not None) or (None, None)
    return values[0], low, high


def _pooled(rows: Sequence[SweepRow], of: Callable[[SweepRow], tuple[float | None, Interval]]) -> Cell:
    value, low, high = mean_and_ends(rows, of)
    if len(rows) > 1 and value is not None:
        same = number(low, 1) == number(high, 1)
        return Cell(number(value, 1), () if same else (f"{number(low, 1)}{DASH}{number(high, 1)}",))
    return Cell(number(value, 1), () if low is None else between((low, high), value))


def _success(rows: Sequence[SweepRow]) -> Cell:
    """The share of images that were fooled, and the median of the smallest changes where these are looked for."""
    levels = [row.median_levels for row in rows if row.median_levels is not None]
    detail = (f"median {median(levels):g} levels",) if levels else ()
    return Cell(number(_mean(rows, lambda row: row.success_rate), 1), detail)


def _mean(rows: Sequence[SweepRow], of: Callable[[SweepRow], float | None]) -> float | None:
    values = [value for row in rows if (value := known(of(row))) is not None]
    return fmean(values) if values else None


def _told(line: SweepLine, names: Mapping[str, str]) -> str:
    clean, left = (_mean(line.rows, of) for of in (lambda row: row.clean, lambda row: row.attacked))
    within = f" within {line.bound}" if line.bound else ""
    score = f"{line.rows[0].label} {number(left, 1)} of {number(clean, 1)}"
    return f"{names[line.model]}: {score}, under {line.attack}{within}"


def _places(names: Iterator[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _levels(bound: str | None) -> float:
    return 0.0 if bound is None else float(bound.partition("/")[0])


def _first(pair: tuple[float, SweepLine]) -> float:
    return pair[0]
