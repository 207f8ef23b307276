"""The command line: `foolscape run`, `transfer`, `merge`, `sweep`, `universal`, `harden`, `report`, `check`, .."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Final, cast

import typer
from rich.text import Text

from foolscape.cli import (
    check,
    download,
    harden,
    listing,
    measure,
    merge,
    report,
    reproduce,
    rows,
    status,
    sweep,
    universal,
)
from foolscape.cli.console import DONE, ERROR, SOME_FAILED, USAGE, err_console, out_console, tell
from foolscape.cli.flags import command, signed
from foolscape.cli.outlet import STDERR, STDOUT
from foolscape.errors import ClassMatchError, FoolscapeError, LossError, SettingError
from foolscape.printable import printable
from foolscape.run.settings.bounds import BoundsWarning
from foolscape.run.settings.former_names import FormerNameWarning

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How easily can a segmentation or detection model be fooled, where does it break, can you trust the answer?",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 error; 2 wrong setting; 3 done, but some images could not be used, or ended at one "
    "by --strict; 4 a verdict that --fail-on names; 5 a score below --fail-under; 6 the time of --time-budget is over; "
    "130 interrupted; 143 terminated. Of 3, 4 and 5 the highest that holds.",
)


def _print_version(asked_for: bool) -> None:
    if asked_for:
        from importlib.metadata import version as installed

        out_console.print(f"foolscape {installed('foolscape')}", highlight=False)
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


for command_made in (
    command(measure.run, measure.run_flags()),
    measure.demo,
    command(measure.transfer, measure.transfer_flags()),
    command(universal.universal, universal.universal_flags()),
    command(merge.merge, merge.merge_flags()),
    command(sweep.sweep, sweep.sweep_flags()),
    universal.apply,
    command(harden.harden, harden.harden_flags()),
    report.report,
    status.status,
    rows.rows,
    signed(check.check, check.check_flags()),
    reproduce.reproduce,
    download.download,
):
    app.command()(command_made)
app.command(name="list")(listing.list_)


_CODES: Final = {SettingError: USAGE, LossError: SOME_FAILED}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors meant for people are printed without a traceback."""
    for outlet in (STDOUT, STDERR):
        outlet.ready()
    try:
        with _warnings_printed():
            code = _run(arguments)
    finally:
        for outlet in (STDOUT, STDERR):
            outlet.flush()
    if STDOUT.lost is not None:
        _say(f"expected a standard output that can be written, got: {STDOUT.lost}; what is in files is complete")
        code = code or ERROR
    sys.exit(code)


@contextmanager
def _warnings_printed() -> Iterator[None]:
    """A setting that is taken for another is told as a line; what else is warned of stays as it is."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, FormerNameWarning | BoundsWarning):
                tell(f"warning: {message}", "yellow")
            else:
                others(message, category, *place, **more)

        for kind in (FormerNameWarning, BoundsWarning):
            warnings.simplefilter("always", kind)
        warnings.showwarning = show
        yield


def _run(arguments: Sequence[str] | None) -> int:
    """The exit code of a command line, with what is wrong said."""
    try:
        code = app(args=None if arguments is None else list(arguments), standalone_mode=False)
    except FoolscapeError as error:
        _say(error)
        return next((code for kind, code in _CODES.items() if isinstance(error, kind)), ERROR)
    except typer.TyperException as error:
        _say_usage(error)
        return USAGE
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return DONE  # rich ends a process where the reader of the help has left, as `head` does
    except OSError as error:
        _say(f"expected files and folders that can be read and written, got: {error}; check the paths and permissions")
        return ERROR
    return code if isinstance(code, int) else DONE


def _say_usage(error: typer.TyperException) -> None:
    """Print what is wrong with a command line as typer does, with the usage above it."""
    from typer.rich_utils import rich_format_error

    error.message = printable(error.message)
    with suppress(SystemExit):  # rich's, where nobody reads standard error any more
        rich_format_error(cast(Any, error))


def _say(error: object) -> None:
    lines = str(error).split("\n") if isinstance(error, ClassMatchError) else [str(error)]
    text = "\n".join(map(printable, lines))
    err_console.print(Text.assemble(("error:", "red"), " ", text), soft_wrap=True)
