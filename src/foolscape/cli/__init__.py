"""The command line: `foolscape run`, `transfer`, `universal`, `apply`, `harden`, `report`, `check`, `list`, `demo`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from rich.markup import escape

from foolscape.cli import harden, inspect, measure, universal
from foolscape.cli.console import ERROR, USAGE, err_console
from foolscape.errors import FoolscapeError, SettingError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How easily can a segmentation or detection model be fooled, where does it break, can you trust the answer?",
    epilog="Exit codes: 0 done, 1 error, 2 wrong setting, 3 done but some images could not be used, 130 interrupted.",
)


for command in (
    measure.run,
    measure.demo,
    measure.transfer,
    universal.universal,
    universal.apply,
    harden.harden,
    inspect.report,
    inspect.check,
):
    app.command()(command)
app.command(name="list")(inspect.list_)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors meant for people are printed without a traceback."""
    try:
        app(args=None if arguments is None else list(arguments))
    except FoolscapeError as error:
        err_console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(USAGE if isinstance(error, SettingError) else ERROR)
