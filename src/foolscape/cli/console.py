"""What all commands print with: consoles, progress, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from foolscape.errors import SettingError

if TYPE_CHECKING:
    from foolscape.run.execute import Listener

DONE, ERROR, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all well; an error; a wrong setting; finished, but some images could not be used; Ctrl-C."""

out_console = Console()
err_console = Console(stderr=True)


@contextmanager
def told_of_interruption() -> Iterator[None]:
    """Ctrl-C within it is told in words, with its own exit code."""
    try:
        yield
    except KeyboardInterrupt:
        err_console.print("interrupted; the same command again goes on from here")
        raise typer.Exit(INTERRUPTED) from None


def close(out: Path, failures: int) -> None:
    """Say where the report is and, by the exit code too, whether images could not be used."""
    err_console.print(f"report: {escape(str(out / 'report.html'))}", soft_wrap=True)
    if failures:
        err_console.print(f"[yellow]{failures} image(s) could not be used; the report says why[/yellow]")
        raise typer.Exit(SOME_FAILED)


def listener() -> Listener:
    """Tells the terminal how a run gets on."""
    from foolscape.run.execute import Listener

    return Listener(say=lambda text: err_console.print(f"note: {text}", markup=False), progress=_progress)


class _Speed(ProgressColumn):
    """Images per second so far."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text("- images/s" if task.speed is None else f"{task.speed:.2f} images/s")


@contextmanager
def _progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=err_console) as progress:
        task = progress.add_task(escape(title), total=total, completed=done)
        yield lambda _: progress.advance(task)


def place_of(out: Path | None, settings: dict[str, object]) -> Path:
    """Where to write, `out` or else what the settings say; taken out of `settings`."""
    place = out or settings.get("out")
    settings.pop("out", None)
    if place is None:
        raise SettingError("out: is needed and was not given; add --out DIR")
    return Path(str(place))
