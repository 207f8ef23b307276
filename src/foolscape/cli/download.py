"""`foolscape download`: files for the published tables, their licence first."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from foolscape.cli.console import ERROR, err_console, out_console, tell
from foolscape.cli.signals import code_of, signals_end_it
from foolscape.errors import SettingError
from foolscape.paths import folder_of
from foolscape.published.downloads import DOWNLOADS, download_named

if TYPE_CHECKING:
    from foolscape.published.fetching import Progress as Told


def download(
    name: Annotated[str | None, typer.Argument(help="What to download; none: what there is is listed.")] = None,
    to: Annotated[str | None, typer.Option(help="Folder to put it in.", metavar="DIR")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Its licence is accepted: do not ask.")] = False,
) -> None:
    """Download weights or data of the published tables: the licence is printed first, the checksum compared at the end.

    After an interruption the same command goes on where it was.
    """
    if name is None:
        out_console.print(_listing())
        return
    what = download_named(name)
    if to is None:
        raise SettingError(f"expected the folder that {what.file} goes in, got none; add --to DIR")
    tell(f"{what.about}\nfrom: {what.address}\nlicence: {what.licence}")
    if not yes:
        _ask()
    from foolscape.published.fetching import fetch

    with signals_end_it(), _telling(what.file) as progress:
        fetched = fetch(what, folder_of(to), progress)
    how = "was there" if fetched.was_there else f"goes on from {fetched.resumed:,} bytes" if fetched.resumed else "done"
    tell(f"{how}; the checksum holds ({what.digest})")
    out_console.print(Text(f"{fetched.sha256}  {fetched.path}"), soft_wrap=True)
    if what.then:
        tell(f"then, in {fetched.path.parent}: {what.then}")


def _ask() -> None:
    """Whether the licence is accepted; without a terminal --yes must have said so."""
    if not sys.stdin.isatty():
        raise SettingError("expected the licence to be accepted, got no terminal to ask at; add --yes")
    if not typer.confirm("Download it under this licence?", err=True):
        raise typer.Exit(ERROR)


@contextmanager
def _telling(title: str) -> Iterator[Told]:
    """A bar on a terminal; an interruption is told, and what has come is kept."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with Progress(*columns, TimeRemainingColumn(), console=err_console) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    except KeyboardInterrupt as error:
        tell("interrupted; the same command goes on from what has come")
        raise typer.Exit(code_of(error)) from None


def _listing() -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is", "file", "licence"):
        table.add_column(column, no_wrap=column == "name", overflow="fold")
    for one in DOWNLOADS:
        table.add_row(*(Text(text) for text in (one.name, one.about, one.file, one.licence)))
    return table
