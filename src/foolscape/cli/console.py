"""What all commands print with: consoles, progress, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from foolscape.run.execute import Listener

DONE, ERROR, USAGE, SOME_FAILED, DISTRUST, BELOW, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
"""Exit codes: all well; an error; a wrong setting; finished, but some images could not be used; with a verdict that
`--fail-on` names; with a score below `--fail-under`; Ctrl-C. The highest that holds is the one."""

out_console = Console()
err_console = Console(stderr=True)


def listener(*, quiet: bool = False) -> Listener:
    """Tells the terminal how a run gets on, or nobody."""
    from foolscape.run.execute import Listener

    if quiet:
        return Listener(say=lambda _: None, progress=_silence)
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


@contextmanager
def _silence(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    del title, total, done
    yield lambda _: None
