"""The report of a sweep: one page that compares its cells, finished or not, with the way to the page of each."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from rich.console import Console

from foolscape.records.places import RUNS, SUMMARY
from foolscape.records.sweep import SweepRecord, read_sweep
from foolscape.report.files import write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.pictures.sweep_curves import sweep_plots
from foolscape.report.tables.render import show, write_tables
from foolscape.report.tables.sweep import (
    SweepLine,
    headline,
    not_measured,
    progress,
    scores,
    sweep_tables,
    took,
)


@dataclass(frozen=True)
class Link:
    """The page of a cell: what it is called, and where it lies; empty where it is not there."""

    text: str
    href: str


@of_a_run
def write_sweep_report(directory: Path) -> Path:
    """Write report.html of the sweep in `directory`, as far as it has come; its path. RunError as for `read_sweep`."""
    sweep = _read(directory)
    path = directory / "report.html"
    page = template("sweep.html.j2").render(
        kicker=f"sweep, {progress(sweep)}",
        title=headline(sweep),
        tables=[(table, [_links(directory, line) for line in lines]) for table, lines in scores(sweep)],
        plots=sweep_plots(sweep),
        not_measured=not_measured(sweep),
        took=took(sweep),
        gone=sweep.gone,
        command=shlex.join(sweep.command),
        settings=json.dumps(sweep.settings, indent=2, ensure_ascii=False),
        version=sweep.foolscape,
    )
    write_text(path, page)
    return path


@of_a_run
def print_sweep(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print the tables of the sweep in `directory`."""
    sweep = _read(directory)
    show((*sweep_tables(sweep),), console, footnotes=footnotes)
    console.print()
    console.print(headline(sweep), markup=False, highlight=False)


@of_a_run
def write_sweep_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the sweep in `directory`; the texts by suffix."""
    return write_tables(directory, sweep_tables(_read(directory)))


def _read(directory: Path) -> SweepRecord:
    """The sweep, without the figures of runs that were deleted since: the same command measures them again."""
    sweep = read_sweep(directory)
    there = {cell.name for cell in sweep.cells if (directory / RUNS / cell.name / SUMMARY).exists()}
    return replace(sweep, rows=tuple(row for row in sweep.rows if row.cell in there))


def _links(directory: Path, line: SweepLine) -> tuple[Link, ...]:
    """The pages of the cells of a line: by seed, where it has several."""
    cells = sorted({(row.seed, row.cell) for row in line.rows} | {(cell.seed, cell.name) for cell in line.pending})
    links = []
    for seed, name in cells:
        if (directory / RUNS / name / "report.html").exists():
            links.append(Link("page" if len(cells) == 1 else f"seed {seed}", f"{RUNS}/{quote(name)}/report.html"))
    return tuple(links)
