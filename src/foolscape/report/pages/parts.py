"""The report of a transfer, universal perturbation or hardening that has not finished: which parts of it have."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from foolscape.records.partial import PartialRecord
from foolscape.records.reader import read_partial, read_record, read_summary
from foolscape.records.types import Object
from foolscape.report.files import write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.tables.render import show, write_tables
from foolscape.report.tables.run import scores
from foolscape.report.tables.table import Cell, Table, known, number

_TITLES: Final = {"transfer": "transfer", "universal": "universal perturbation", "harden": "hardening"}
_EPOCHS: Final = {
    "loss": ("loss", 3, 1),
    "right": ("right %", 1, 1),
    "moved": ("as wanted %", 1, 100),
    "stayed": ("preserved %", 1, 100),
}
"""What an epoch may tell -> its heading, digits, and what it is multiplied by."""


@of_a_run
def print_parts(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print how far the parts are, and the tables of those that have figures."""
    show(part_tables(directory), console, footnotes=footnotes)


@of_a_run
def write_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex; the texts by suffix."""
    return write_tables(directory, part_tables(directory))


@of_a_run
def write_page(directory: Path) -> Path:
    """Write report.html; its path."""
    partial, record = read_partial(directory), read_record(directory)
    path = directory / "report.html"
    page = template("parts.html.j2").render(
        title=_title(partial),
        tables=part_tables(directory),
        runs=partial.runs,
        command=shlex.join(record.command),
        config=json.dumps(record.config, indent=2, ensure_ascii=False),
        version=record.foolscape,
    )
    write_text(path, page)
    return path


def part_tables(directory: Path) -> tuple[Table, ...]:
    """How far every part is, the scores of the runs in it, and the epochs."""
    partial = read_partial(directory)
    rows = tuple((Cell(part.part), Cell(str(part.done)), Cell(f"{part.of} {part.unit}")) for part in partial.unfinished)
    headers = (Cell("part"), Cell("done"), Cell("of"))
    tables = [Table("parts", _title(partial), headers, rows, remarks=("The same command again resumes it.",))]
    for position, name in enumerate(partial.runs):
        run = scores(read_summary(directory / name))
        tables.append(
            Table(
                f"run-{position}",
                f"{name}: {run.title}",
                run.headers,
                run.rows,
                run.notes,
                run.texts,
                run.named,
                run.remarks,
            )
        )
    return (*tables, *_epochs(partial.epochs))


def _epochs(epochs: Sequence[Object]) -> tuple[Table, ...]:
    if not epochs:
        return ()
    columns = {key: format_ for key, format_ in _EPOCHS.items() if key in epochs[0]}
    rows = []
    for position, epoch in enumerate(epochs, 1):
        cells = []
        for key, (_, digits, factor) in columns.items():
            value = known(epoch[key])
            cells.append(Cell(number(None if value is None else factor * value, digits)))
        rows.append((Cell(str(position)), *cells))
    headers = (Cell("epoch"), *(Cell(title) for title, *_ in columns.values()))
    return (Table("epochs", "Epochs", headers, tuple(rows)),)


def _title(partial: PartialRecord) -> str:
    done = sum(part.done >= part.of for part in partial.unfinished)
    return f"Unfinished {_TITLES[partial.kind]}: {done} of {len(partial.unfinished)} parts done"
