"""The report of a transfer: one matrix, every perturbation on every network, as a table and as a heat map."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from rich.console import Console

from foolscape.metrics.eval_classes import sentence as over_classes
from foolscape.records.places import MATRIX
from foolscape.records.reader import read_record, read_result, read_slices
from foolscape.records.run import TransferRecord
from foolscape.records.transfer_summary import EnsembleSummary, MatrixColumn, MatrixLine, TransferSummary
from foolscape.records.types import Object
from foolscape.report.files import write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.tables.kept import kept_pictures
from foolscape.report.tables.labels import reference_notes
from foolscape.report.tables.render import show, write_tables
from foolscape.report.tables.slices import of_tasks, slice_block, slice_tables, worst_slices
from foolscape.report.tables.table import TIMES, Cell, Table, images, known, number
from foolscape.report.tables.trust import headline_of, print_verdict, trust

_CONVENTIONS: Final = (
    "Rows: what was added to the images. Clean (ORIG in Xie et al. 2017): nothing. Shuffled (PERM): the same change "
    "with its pixels in random order, each where it fits.",
    "Columns: the network that then looked at them, with its score: mIoU of the labels, AP50 of the boxes.",
    "A sum (A + B) adds the 8-bit changes of two networks and clips to the pixel range.",
    "Every figure is of the same images, read back from 8-bit files. p: perceptibility, sqrt of the mean over pixels "
    "of the squared length of the change.",
)
_NOTHING_TO_LOSE: Final = "The clean score is zero or not defined, so that no share of it can be lost."


@dataclass(frozen=True)
class HeatCell:
    """A figure of the heat map.

    Attributes:
        text: the score.
        share: how much of the network's own clean score is lost, 0 to 100 percent; None where that is zero or not
            defined.
        own: whether the change was made for this network.
    """

    text: str
    share: float | None
    own: bool


@dataclass(frozen=True)
class HeatRow:
    """A row of the heat map: what was added, how large it is, and a figure per network."""

    name: str
    size: str
    cells: tuple[HeatCell, ...]


@of_a_run
def write_transfer_report(directory: Path) -> Path:
    """Write report.html of the transfer in `directory` and return its path; RunError as for `write_report`."""
    matrix, record = _read(directory), _record(directory)
    path = directory / "report.html"
    page = template("transfer.html.j2").render(
        matrix=matrix,
        summary=_summary(matrix),
        rows=heat(matrix),
        slices=slice_block(of_tasks, read_slices(directory)),
        trust=trust(matrix.trust, _names(matrix)),
        verdict=headline_of(matrix.trust) if matrix.trust else None,
        letters=letters(matrix.columns),
        notes=(*remarks(matrix), *notes(matrix)),
        command=shlex.join(record.command),
        kept=kept_pictures(record, directory),
        configs=json.dumps(record.configs, indent=2, ensure_ascii=False),
        version=record.foolscape,
    )
    write_text(path, page)
    return path


@of_a_run
def print_transfer(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print the matrix of the transfer in `directory`."""
    matrix, slices = _read(directory), read_slices(directory)
    of_slices = slice_tables(of_tasks, slices) if footnotes else worst_slices(of_tasks, slices)
    show((*matrix_tables(matrix), *of_slices), console, footnotes=footnotes)
    print_verdict(matrix.trust, console)


@of_a_run
def write_transfer_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the transfer in `directory`; the texts by suffix."""
    tables = (*matrix_tables(_read(directory)), *slice_tables(of_tasks, read_slices(directory)))
    return write_tables(directory, tables)


def matrix_tables(matrix: TransferSummary) -> tuple[Table, ...]:
    """The matrix, what the letters of its columns and rows stand for, and whether it can be trusted."""
    columns = matrix.columns
    names = letters(columns)
    headers = [Cell("added"), Cell("Linf", ("levels",)), Cell("p", (f"{TIMES}10⁻³",))]
    headers += [Cell(names[column.slug], (column.score,)) for column in columns]
    rows = []
    for line in matrix.lines:
        size = line.distortion or {}
        p = known(size.get("perceptibility"))
        sizes = [Cell(number(size.get("linf_levels"), 1)), Cell(number(None if p is None else 1000 * p, 2))]
        scores = [Cell(number(line.scores[column.slug], 1)) for column in columns]
        rows.append((Cell(_added(line, names)), *sizes, *scores))
    legend = [f"{names[column.slug]}: {column.model} ({column.task})" for column in columns]
    title = f"Transfer, {images(matrix.data.samples)} of {matrix.data.spec}"
    table = Table("transfer", title, tuple(headers), tuple(rows), notes(matrix), remarks=(*legend, *remarks(matrix)))
    return table, *trust(matrix.trust, _names(matrix))


def heat(matrix: TransferSummary) -> tuple[HeatRow, ...]:
    """The rows of the heat map."""
    names = letters(matrix.columns)
    clean = matrix.lines[0].scores
    rows = []
    for line in matrix.lines:
        cells = []
        for column in matrix.columns:
            slug = column.slug
            score, before = known(line.scores[slug]), known(clean[slug])
            lost = None if score is None or not before else min(max(100 * (1 - score / before), 0.0), 100.0)
            cells.append(HeatCell(number(score, 1), lost, slug in line.sources))
        p = known((line.distortion or {}).get("perceptibility"))
        rows.append(HeatRow(_added(line, names), "" if p is None else number(1000 * p, 2), tuple(cells)))
    return tuple(rows)


def letters(columns: Sequence[MatrixColumn]) -> dict[str, str]:
    """A letter for each network, by slug: names of models are too long for the head of a column."""
    return {column.slug: chr(ord("A") + i) if i < 26 else f"N{i + 1}" for i, column in enumerate(columns)}


def remarks(matrix: TransferSummary) -> tuple[str, ...]:
    """What must be known of the figures: that they are not against labels, mean nothing, or lack images."""
    clean = matrix.lines[0].scores
    against = _about(matrix, lambda column: reference_notes(column.task, matrix.reference))
    nothing = _about(matrix, lambda column: () if known(clean[column.slug]) else (_NOTHING_TO_LOSE,))
    lost = len({failure.id for failure in matrix.failures})
    left_out = [f"{images(lost)} left out: {matrix.failures[0].reason}"] if lost else []
    over = [over_classes(matrix.eval_classes)] if matrix.eval_classes else []
    return (*against, *over, *nothing, *left_out)


def notes(matrix: TransferSummary) -> tuple[str, ...]:
    """The conventions, and how the changes were made."""
    attacks = _about(matrix, lambda column: (_attack_text(matrix.attacks[column.slug]),))
    shared = [_ensemble_text(ensemble, letters(matrix.columns)) for ensemble in matrix.ensembles]
    return (*_CONVENTIONS, *attacks, *shared)


def _about(matrix: TransferSummary, sentences_of: Callable[[MatrixColumn], Sequence[str]]) -> tuple[str, ...]:
    """What `sentences_of` says of each network of the columns, behind the letters of all of which it says the same."""
    names = letters(matrix.columns)
    networks: dict[str, list[str]] = {}
    for column in matrix.columns:
        for sentence in sentences_of(column):
            networks.setdefault(sentence, []).append(names[column.slug])
    return tuple(f"{', '.join(about)}: {sentence}" for sentence, about in networks.items())


def _attack_text(settings: Object) -> str:
    """All that is set of an attack; its source stands on the page of the network's own run."""
    words = {True: "yes", False: "no"}
    options = [
        f"{key.replace('_', ' ')} {words[value] if isinstance(value, bool) else value}"
        for key, value in settings.items()
        if value is not None and key not in ("name", "title", "source")
    ]
    return ", ".join([f"attack {settings['name']}", *options]) + "."


def _ensemble_text(ensemble: EnsembleSummary, names: dict[str, str]) -> str:
    """How the change of an ensemble was made."""
    return f"{_together(ensemble.sources, names)}: one change for all, by the mean of their losses; " + _attack_text(
        ensemble.attack
    )


def _together(sources: Sequence[str], names: dict[str, str]) -> str:
    """The networks of an ensemble by their letters: A, B & C."""
    own = [names[slug] for slug in sources]
    return f"{', '.join(own[:-1])} & {own[-1]}"


def _added(line: MatrixLine, names: dict[str, str]) -> str:
    if not line.sources:
        return "clean"
    sources = line.sources
    added = _together(sources, names) if line.joint else " + ".join(names[slug] for slug in sources)
    return added + (", shuffled" if line.permuted else "")


def _summary(matrix: TransferSummary) -> str:
    """The matrix in a sentence: the mean share of a network's score lost to its own and to others' changes."""
    own: list[float] = []
    others: list[float] = []
    for line, row in zip(matrix.lines, heat(matrix), strict=True):
        if len(line.sources) == 1 and not line.permuted:
            for cell in row.cells:
                if cell.share is not None:
                    (own if cell.own else others).append(cell.share)
    if not own or not others:
        return "How much of its score a network loses cannot be said: every clean score is zero or not defined."
    return (
        f"A network loses {fmean(own):.0f} percent of its score to the change made for itself, and "
        f"{fmean(others):.0f} percent to one made for another network."
    )


def _names(matrix: TransferSummary) -> dict[str, str]:
    """The networks by slug."""
    return {column.slug: column.model for column in matrix.columns}


def _read(directory: Path) -> TransferSummary:
    return read_result(directory, MATRIX, TransferSummary)


def _record(directory: Path) -> TransferRecord:
    record = read_record(directory)
    assert isinstance(record, TransferRecord)
    return record
