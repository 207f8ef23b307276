"""The report of a transfer: one matrix, every perturbation on every network, as a table and as a heat map."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from rich.console import Console

from foolscape.report.cells import Cell, Json, Table, images, known, number
from foolscape.report.files import read_object, write_text
from foolscape.report.html import template
from foolscape.report.render import show, to_latex, to_markdown

MATRIX: Final = "transfer.json"
"""The file that a transfer leaves in its directory."""

_CONVENTIONS: Final = (
    "Rows: what was added to the images. ORIG: nothing. PERM: the same change with its pixels in random order.",
    "Columns: the network that then looked at them, with its score: mIoU of the labels, AP50 of the boxes.",
    "A sum adds the 8-bit changes of two networks and clips to the pixel range.",
    "Every figure is of the same images, read back from 8-bit files. p: perceptibility, sqrt of the mean over pixels "
    "of the squared length of the change.",
)


@dataclass(frozen=True)
class HeatCell:
    """A figure of the heat map: `share` in percent is how much of the network's own ORIG is lost, 0 to 100."""

    text: str
    share: float
    own: bool


@dataclass(frozen=True)
class HeatRow:
    """A row of the heat map: what was added, how large it is, and a figure per network."""

    name: str
    size: str
    cells: tuple[HeatCell, ...]


def is_transfer(directory: Path) -> bool:
    """Whether `directory` holds a finished transfer."""
    return (directory / MATRIX).is_file()


def write_transfer_report(directory: Path) -> Path:
    """Write report.html of the transfer in `directory` and return its path; RunError as for `write_report`."""
    matrix = _read(directory)
    settings = read_object(directory / "run.json", "Name the folder that `foolscape transfer` was given as --out.")
    path = directory / "report.html"
    page = template("transfer.html.j2").render(
        matrix=matrix,
        summary=_summary(matrix),
        rows=heat(matrix),
        letters=letters(matrix["columns"]),
        notes=notes(matrix),
        command=shlex.join(str(word) for word in settings.get("command", ())),
        configs=json.dumps(settings.get("configs"), indent=2, ensure_ascii=False),
        version=settings.get("foolscape", ""),
    )
    write_text(path, page)
    return path


def print_transfer(directory: Path, console: Console) -> None:
    """Print the matrix of the transfer in `directory`."""
    show(matrix_tables(_read(directory)), console)


def write_transfer_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the transfer in `directory`; the texts by suffix."""
    found = matrix_tables(_read(directory))
    texts = {".md": to_markdown(found), ".tex": to_latex(found)}
    for suffix, text in texts.items():
        write_text(directory / f"report{suffix}", text)
    return texts


def matrix_tables(matrix: Json) -> tuple[Table, ...]:
    """The matrix, and what the letters of its columns and rows stand for."""
    columns = matrix["columns"]
    names = letters(columns)
    headers = [Cell("added"), Cell("Linf", ("levels",)), Cell("p", ("10⁻³",))]
    headers += [Cell(names[column["slug"]], (column["score"],)) for column in columns]
    rows = []
    for line in matrix["lines"]:
        size = line["distortion"] or {}
        p = known(size.get("perceptibility"))
        sizes = [Cell(number(size.get("linf_levels"), 1)), Cell(number(None if p is None else 1000 * p, 2))]
        scores = [Cell(number(line["scores"][column["slug"]], 1)) for column in columns]
        rows.append((Cell(_added(line, names)), *sizes, *scores))
    legend = [f"{names[column['slug']]}: {column['model']} ({column['task']})" for column in columns]
    title = f"Transfer, {images(matrix['data']['samples'])} of {matrix['data']['spec']}"
    return (Table("transfer", title, tuple(headers), tuple(rows), (*legend, *notes(matrix))),)


def heat(matrix: Json) -> tuple[HeatRow, ...]:
    """The rows of the heat map."""
    names = letters(matrix["columns"])
    clean = matrix["lines"][0]["scores"]
    rows = []
    for line in matrix["lines"]:
        cells = []
        for column in matrix["columns"]:
            slug = column["slug"]
            score, before = known(line["scores"][slug]), known(clean[slug])
            lost = 0.0 if score is None or not before else 100 * (1 - score / before)
            cells.append(HeatCell(number(score, 1), min(max(lost, 0.0), 100.0), slug in line["sources"]))
        p = known((line["distortion"] or {}).get("perceptibility"))
        rows.append(HeatRow(_added(line, names), "" if p is None else number(1000 * p, 2), tuple(cells)))
    return tuple(rows)


def letters(columns: Sequence[Json]) -> dict[str, str]:
    """A letter for each network, by slug: names of models are too long for the head of a column."""
    return {column["slug"]: chr(ord("A") + i) if i < 26 else f"N{i + 1}" for i, column in enumerate(columns)}


def notes(matrix: Json) -> tuple[str, ...]:
    """The conventions, the attacks, and how many images fell out."""
    attacks = {json.dumps(settings, sort_keys=True): settings for settings in matrix["attacks"].values()}
    told = [f"Attack: {_told(settings)}." for settings in attacks.values()]
    lost = len({failure["id"] for failure in matrix["failures"]})
    return (*_CONVENTIONS, *told, *([f"{images(lost)} left out: {matrix['failures'][0]['reason']}"] if lost else []))


def _told(settings: Json) -> str:
    wanted = ("name", "variant", "goal", "eps", "step", "steps")
    return ", ".join(f"{key} {settings[key]}" for key in wanted if settings.get(key) is not None)


def _added(line: Json, names: dict[str, str]) -> str:
    if not line["sources"]:
        return "ORIG"
    return " + ".join(names[slug] for slug in line["sources"]) + (", PERM" if line["permuted"] else "")


def _summary(matrix: Json) -> str:
    """The matrix in a sentence: the mean share of a network's score lost to its own and to others' changes."""
    own: list[float] = []
    others: list[float] = []
    for line, row in zip(matrix["lines"], heat(matrix), strict=True):
        if len(line["sources"]) == 1 and not line["permuted"]:
            for cell in row.cells:
                (own if cell.own else others).append(cell.share)
    return (
        f"A network loses {fmean(own):.0f}\N{NO-BREAK SPACE}% of its score to the change made for itself, and "
        f"{fmean(others):.0f}\N{NO-BREAK SPACE}% to one made for another network."
    )


def _read(directory: Path) -> dict[str, Any]:
    return read_object(directory / MATRIX, "Name the folder that `foolscape transfer` was given as --out.")
