"""What is there of a sweep already: the runs below its directory, and which cells of the grid they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from foolscape.errors import RunError
from foolscape.records.places import RUN, RUNS, SUMMARY
from foolscape.records.reader import read_record
from foolscape.run.settings.bounds import bounds_in
from foolscape.run.sweep.grid import Cell


@dataclass(frozen=True)
class Present:
    """The cells of a sweep beside what is there.

    Attributes:
        cells: those of the grid, each with the directory that it has or is to have. One whose run is there at some of
            its bounds is two: that run, and another at the others.
        done: the names of those that have finished.
        gone: directories of runs that are none of them.
    """

    cells: tuple[Cell, ...]
    done: frozenset[str]
    gone: tuple[str, ...]


def present(directory: Path, cells: Sequence[Cell]) -> Present:
    """The cells of the grid, beside the runs below `directory`."""
    runs = directory / RUNS
    placed = tuple(part for cell in cells for part in _placed(runs, cell))
    names = {cell.name for cell in placed}
    there = sorted(path.name for path in runs.iterdir() if (path / RUN).exists()) if runs.is_dir() else []
    done = frozenset(name for name in names if (runs / name / SUMMARY).exists())
    return Present(placed, done, tuple(name for name in there if name not in names))


def _placed(runs: Path, cell: Cell) -> Iterator[Cell]:
    """The runs that a cell is made of: those that are there at some of its bounds, and one at those that are not."""
    if not cell.bounds:
        yield cell
        return
    left = set(cell.bounds)
    for number in count(1):
        name = cell.name if number == 1 else f"{cell.name}-{number}"
        if not (runs / name / RUN).exists():
            break
        begun = _bounds(runs / name)
        # One that is to measure what nobody wants any more is not gone on with; a finished one has what is wanted.
        if left & set(begun) and (set(begun) <= set(cell.bounds) or (runs / name / SUMMARY).exists()):
            left -= set(begun)
            unwanted = tuple(bound for bound in begun if bound not in cell.bounds)
            yield replace(cell.within(begun, name), unwanted=unwanted)
    if left:
        yield cell.within(tuple(bound for bound in cell.bounds if bound in left), name)


def _bounds(directory: Path) -> tuple[str, ...]:
    """The bounds of the run in a directory, as its settings have them; none where that cannot be read."""
    try:
        options = read_record(directory).config.get("options")
    except RunError:
        return ()
    return bounds_in(options) if isinstance(options, dict) else ()
