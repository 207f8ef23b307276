"""The command line: `foolscape run`, `transfer`, `universal`, `apply`, `harden`, `report`, `check`, `list`, `demo`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib.metadata import version as installed
from typing import Annotated

import typer
from rich.markup import escape

from foolscape.cli import harden, inspect, measure, universal
from foolscape.cli.console import ERROR, USAGE, err_console, out_console
from foolscape.errors import FoolscapeError, SettingError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How easily can a segmentation or detection model be fooled, where does it break, can you trust the answer?",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 error; 2 wrong setting; 3 done, but some images could not be used; 4 a verdict that "
    "--fail-on names; 5 a score below --fail-under; 130 interrupted. Of 3, 4 and 5 the highest that holds.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        out_console.print(f"foolscape {installed('foolscape')}", highlight=False)
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


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
    finally:
        gc.freeze()  # or the interpreter looks through all of PyTorch for garbage as it ends, for about a second
