"""`foolscape report`: the tables and pages of a run, again, or of what is there of an unfinished one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foolscape.carriers import shown_as
from foolscape.cli.console import out_console, tell
from foolscape.cli.flags import FOOTNOTES, SLICES
from foolscape.cli.outlet import STDOUT
from foolscape.errors import SettingError, UnwritableError
from foolscape.paths import run_folder_of
from foolscape.run.slices.table import SliceTable, table_of

if TYPE_CHECKING:
    pass


class TableFormat(StrEnum):
    """How `foolscape report` prints its tables."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"


def report(
    directory: Annotated[
        str,
        typer.Argument(
            help="Directory of a run, transfer, universal, harden or sweep; unfinished ones too.", metavar="DIR"
        ),
    ],
    form: Annotated[TableFormat, typer.Option("--format", help="How to print the tables.")] = TableFormat.TERMINAL,
    panel: Annotated[
        str | None, typer.Option(help="Also write panel.png, six pictures of the image with this id.")
    ] = None,
    footnotes: Annotated[bool, typer.Option("--footnotes", help=FOOTNOTES.help)] = False,
    slices: Annotated[str | None, typer.Option(help=SLICES.help, metavar=SLICES.metavar)] = None,
) -> None:
    """Print the tables of a run and write report.html, report.md and report.tex beside it.

    Of one that has not finished: of what is there, marked as unfinished.
    """
    from foolscape.run.elsewhere.door import visited

    table = table_of(slices)
    with visited(run_folder_of(directory), tell) as place:
        _report(place, table, form, panel, footnotes=footnotes)


def _report(
    directory: Path, table: SliceTable | None, form: TableFormat, panel: str | None, *, footnotes: bool
) -> None:
    """`report` of a directory of this machine."""
    from foolscape.report import write_report
    from foolscape.report.run_kinds import is_sweep
    from foolscape.run.slices.write import renew_slices

    swept = is_sweep(directory)
    if swept and table is not None:
        raise SettingError(
            "slices: expected the directory of a run, got a sweep; name one of its runs, runs/NAME in it"
        )
    try:
        for place in () if swept else renew_slices(directory, table, tell):
            write_report(place)
        page = _reported(directory, form, footnotes=footnotes, panel=panel is not None)
    except UnwritableError as error:
        _print_alone(directory, form, error, footnotes=footnotes)
    else:
        tell(f"report: {shown_as(page)}")
    if panel is not None:
        from foolscape.report import write_panel

        picture, factor = write_panel(directory, panel)
        tell(f"panel: {shown_as(picture)}, change magnified {factor:.3g} times")


def _reported(directory: Path, form: TableFormat, *, footnotes: bool, panel: bool = False) -> Path:
    """Write the reports of a directory and print its tables; the path of its page.

    Raises:
        UnwritableError: they cannot be written; nothing is printed yet.
        SettingError: it is to have a `panel`, and is no run.
    """
    from foolscape.report.run_kinds import kind_of, unfinished

    if unfinished(directory):
        from foolscape.run.partial import write_partial

        for inner in write_partial(directory)[:-1]:
            kind_of(inner).write_page(inner)
    kind = kind_of(directory)
    if panel and kind.no_panel:
        raise SettingError(f"panel: expected the directory of a run, got {kind.no_panel}")
    page = kind.write_page(directory)
    texts = kind.write_texts(directory)
    if form is TableFormat.TERMINAL:
        kind.print_tables(directory, out_console, footnotes=footnotes)
    else:
        STDOUT.write(texts[".md" if form is TableFormat.MARKDOWN else ".tex"])
    return page


def _print_alone(directory: Path, form: TableFormat, error: UnwritableError, *, footnotes: bool) -> None:
    """Print the tables of a directory that cannot be written to, and why there are no reports."""
    from foolscape.report.mirror import mirrored
    from foolscape.report.run_kinds import kind_of, unfinished

    if form is TableFormat.TERMINAL and not unfinished(directory):
        kind_of(directory).print_tables(directory, out_console, footnotes=footnotes)
    else:
        with mirrored(directory) as copy:
            _reported(copy, form, footnotes=footnotes)
    reason = str(error).partition("; ")[0]
    tell(f"no report.html, report.md and report.tex: {reason}")
