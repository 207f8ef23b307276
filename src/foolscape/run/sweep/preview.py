"""What `foolscape sweep --dry-run` says: every cell in its order, with what it will take; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.records.sweep import SweepCell, SweepRecord
from foolscape.report.tables.sweep import how_wrong
from foolscape.report.tables.table import duration
from foolscape.run.preview import Section
from foolscape.run.sweep.drive import Means
from foolscape.run.sweep.estimate import expected, time_left
from foolscape.run.sweep.grid import Cell
from foolscape.run.sweep.journal import Plan, recorded, untried, with_trial
from foolscape.run.sweep.opened import Opened
from foolscape.run.sweep.there import present
from foolscape.run.sweep.trying import tried


def preview_sweep(cells: Sequence[Cell], out: Path, means: Means) -> list[Section]:
    """What `sweep` would do in `out`, with what is there already; raises as it does before the first cell."""
    found = present(out, cells)
    record = recorded(out, Plan(found, {}, (), means.devices, means.workers, means.budget))
    faults = {cell.name: cell.fault for cell in found.cells if cell.fault}
    wanted = untried(record) - set(faults)
    for one in tried([cell for cell in found.cells if cell.name in wanted], Opened(), means.clock):
        record = with_trial(record, one.trial)
        faults |= one.faults
    titles = {cell.name: cell.title for cell in found.cells}
    lines = tuple((titles[cell.name], _foreseen(cell, record, faults)) for cell in record.cells)
    return [Section("cells, in their order", lines), Section("in all", tuple(_whole(record, faults)))]


def _foreseen(cell: SweepCell, record: SweepRecord, faults: dict[str, str]) -> str:
    """What would become of a cell."""
    if cell.state == "done":
        return f"finished; took {duration(cell.seconds)}"
    if cell.name in faults:
        return f"cannot be measured: {faults[cell.name]}"
    seconds = expected(cell, record.cells, record.trials)
    goes_on = f"; begun, and took {duration(cell.seconds)} so far" if cell.state == "begun" else ""
    return (
        "not known before another of its model and data" if seconds is None else f"about {duration(seconds)}"
    ) + goes_on


def _whole(record: SweepRecord, faults: dict[str, str]) -> list[tuple[str, str]]:
    """What the whole will take, and how wrong such estimates were."""
    seconds, unknown = time_left([cell for cell in record.cells if cell.name not in faults], record.trials)
    more = f", and {unknown} cells of which nothing is known" if unknown else ""
    lines = [("time", f"about {duration(seconds)}{more}")]
    if record.devices > 1:
        lines.append(("devices", f"{record.devices}, together {duration(seconds * record.devices)}"))
    if record.budget is not None:
        left = max(0.0, record.budget - record.spent)
        lines.append(("budget", f"{duration(record.budget)}, of which {duration(left)} are left"))
    if any(cell.ratio is not None for cell in record.cells):
        lines.append(("so far", how_wrong(record)))
    if record.gone:
        lines.append(("not listed any more", ", ".join(record.gone)))
    return lines
