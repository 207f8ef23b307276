"""`foolscape reproduce`: the published tables, what each row needs, and its figures beside measured ones."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from foolscape.cli.console import DONE, ERROR, out_console, tell
from foolscape.errors import FoolscapeError, SettingError
from foolscape.paths import folder_of, path_of
from foolscape.published.base import Figure, Places, Row, arguments, data_spec, missing, model_spec
from foolscape.published.comparison import Compared, compared
from foolscape.published.tables import rows_of
from foolscape.records.places import SUMMARY


@dataclass(frozen=True)
class Doing:
    """How rows are run: where to, on how many images, on made data, or not at all."""

    out: Path
    limit: int | None
    made: bool
    dry_run: bool


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(help="A row, or what its name begins with: dag, sea/voc-convnext; none: all, listed."),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List rows with what they need; run nothing.")] = False,
    weights: Annotated[
        str, typer.Option(help="Folder of the published weights, by the names that are listed.", metavar="DIR")
    ] = "weights",
    data: Annotated[
        str, typer.Option(help="Folder of the data sets, by the names that are listed.", metavar="DIR")
    ] = "data",
    out: Annotated[
        str, typer.Option(help="Folder for the runs, each in one of its row's name.", metavar="DIR")
    ] = "runs/published",
    model: Annotated[
        str | None, typer.Option(help="Spec of a network in the place of the row's, say of one that foolscape lacks.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N images.", metavar="N")] = None,
    made: Annotated[
        bool, typer.Option("--made", help="Try the commands: random networks, made data, a step or two.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the commands and what they would do; measure nothing.")
    ] = False,
) -> None:
    """Measure rows of the published tables of DAG, universal perturbations, ARA and SEA, and print both figures.

    Weights and data are yours, looked for by the names that the list shows (docs/published.md); a row whose own are
    there is run by the ordinary command, which is printed.
    """
    rows = rows_of(name)
    places = Places(path_of(weights), path_of(data), model)
    if listed or name is None:
        out_console.print(_listing(rows, places))
        return
    doing = Doing(folder_of(out), limit, made, dry_run)
    chosen = [row for row in rows if made or not missing(row, places)]
    for row in rows:
        if row not in chosen:
            tell(f"{row.name}: not at hand: {'; '.join(missing(row, places))}")
    if not chosen:
        raise SettingError(
            f"expected the weights and data of {name} in {weights} and {data}, got none of them; `foolscape reproduce "
            f"{name} --list` says what is looked for, --made tries the command without"
        )
    codes = [_run(row, places, doing) for row in chosen]
    if max(codes) != DONE:
        raise typer.Exit(max(codes))


def _run(row: Row, places: Places, doing: Doing) -> int:
    """Run a row by the ordinary command and print what came of it; the command's exit code."""
    with _inputs(row, places, doing) as words:
        directory = doing.out / row.name
        words += ["--dry-run"] if doing.dry_run else ["--out", str(directory)]
        tell(f"{row.name}: foolscape {shlex.join(words)}")
        try:
            code = _command(words)
            if not doing.dry_run:
                _compare(row, directory, made=doing.made)
        except FoolscapeError as error:  # told, so that the other rows are run all the same
            tell(f"{row.name}: error: {error}", "red")
            return ERROR
    return code


@contextmanager
def _inputs(row: Row, places: Places, doing: Doing) -> Iterator[list[str]]:
    """The command line of a row; made data are beside the runs, or gone afterwards where there are none."""
    if not doing.made:
        settings = {**row.settings, **({} if doing.limit is None else {"limit": str(doing.limit)})}
        yield arguments(row, model_spec(row, places), data_spec(row, places), settings)
        return
    from foolscape.published.made import made_data, made_model, made_settings

    with TemporaryDirectory(prefix="foolscape-made-") as folder:
        place = Path(folder) if doing.dry_run else doing.out / "made"
        yield arguments(row, places.model or made_model(row), made_data(row, place), made_settings(row))


def _command(words: Sequence[str]) -> int:
    """Do what the command line `words` says; its exit code, errors as they come."""
    from foolscape.cli import app

    code = app(args=list(words), standalone_mode=False)
    return code if isinstance(code, int) else DONE


def _compare(row: Row, directory: Path, *, made: bool) -> None:
    """Print the published figures beside those of the run in `directory`."""
    from foolscape.records.reader import read_summary

    if not row.figures or row.command != "run":
        tell(f"{row.name}: no published figure to compare with: {row.remark}")
        return
    if not (directory / SUMMARY).is_file():
        raise FoolscapeError(f"expected the results of {row.name} in {directory}, got none; run the command again")
    (model,) = read_summary(directory).models
    out_console.print(_comparison(row, compared(row, model), made=made))


def _comparison(row: Row, lines: Sequence[Compared], *, made: bool) -> Table:
    what = "made data and a random network: the figures mean nothing" if made else row.remark
    table = Table(title=f"{row.name}: {row.table}; {row.network}", caption=what, title_justify="left",
                  caption_justify="left", box=None, pad_edge=False)  # fmt: skip
    for column in ("", "score", "published", "measured", "difference", "at 8 bits"):
        table.add_column(column, justify="left" if column in ("", "score") else "right")
    for line in lines:
        measured = line.why or _number(line.measured)
        change = "" if line.difference is None else f"{line.difference:+.2f}"
        eight = "" if line.at_8_bits is None else _number(line.at_8_bits)
        figure = line.figure
        table.add_row(_column(figure), Text(figure.score), f"{figure.value:.2f}", measured, change, eight)
    return table


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.2f}"


def _column(figure: Figure) -> str:
    return figure.column if figure.bound is None else f"{figure.column} {figure.bound}"


def _listing(rows: Sequence[Row], places: Places) -> Table:
    """A table of `rows`: figures, command, and what is missing of each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    before = ("", "")
    for row in rows:
        if (row.table, row.remark) != before:
            before = row.table, row.remark
            table.add_row(Text(), Text.assemble(("\n" + row.table, "bold"), f"\n{row.remark}"))
        table.add_row(Text(row.name), Text("\n".join(_account(row, places))))
    return table


def _account(row: Row, places: Places) -> list[str]:
    """A row of the list, line by line."""
    lacks = missing(row, places)
    words = arguments(row, model_spec(row, places), data_spec(row, places), row.settings)
    return [
        f"{row.network}, {row.data.folder}: {_published(row.figures) or 'no figure to compare with'}",
        f"foolscape {shlex.join(words)}",
        f"not at hand: {'; '.join(lacks)}" if lacks else "at hand",
    ]


def _published(figures: Sequence[Figure]) -> str:
    """The figures in a line, such as: mIoU ORIG 48.04, ADVR 3.98, PERM 48.04."""
    scores = dict.fromkeys(figure.score for figure in figures)
    return "; ".join(
        f"{score} " + ", ".join(f"{_column(one)} {one.value:g}" for one in figures if one.score == score)
        for score in scores
    )
