"""What all commands print with: consoles, progress, exit codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from foolscape.cli.outlet import STDERR, STDOUT, Outlet
from foolscape.printable import printable

if TYPE_CHECKING:
    from foolscape.run.listener import Listener

DONE, ERROR, USAGE, SOME_FAILED, DISTRUST, BELOW, OUT_OF_TIME, AT_WORK, NOBODY = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Exit codes: all well; an error; a wrong setting; finished, but some images could not be used; with a verdict that
`--fail-on` names; with a score below `--fail-under`. The highest that holds is the one. 6: not finished within
`--time-budget`. Of `foolscape status`, 7: somebody is at work; 8: nobody is, and not all is finished. A signal that
ends a command gives 128 and its number: 130 for Ctrl-C."""


class _Printable(Console):
    """Prints to an outlet; of any text that is not printable, nothing reaches the terminal."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__(file=cast(IO[str], outlet), stderr=outlet is STDERR)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of `renderable`, with those that are text made printable, line by line."""
        for segment in super().render(renderable, options):
            if segment.is_control or segment.text.isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)


out_console = _Printable(STDOUT)
err_console = _Printable(STDERR)


def tell(text: str, style: str | None = None) -> None:
    """A line on standard error."""
    err_console.print(printable(text), style=style, markup=False, soft_wrap=True)


def listener(*, quiet: bool = False, seconds: float | None = None) -> Listener:
    """Tells the terminal how a run gets on, or nobody.

    Args:
        quiet: tell nobody.
        seconds: from now on, after which the run is to stop; each process does at least one image, or epoch, so that a
            time that is too short makes no endless row of processes that do nothing.
    """
    from foolscape.run.listener import Listener

    progress = _silence if quiet else _progress
    say = _unheard if quiet else _note
    if seconds is None:
        return Listener(say, progress)
    end, settled = time.monotonic() + seconds, [0]

    @contextmanager
    def counted(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        with progress(title, total, done) as tick:

            def count(name: str) -> None:
                settled[0] += 1
                tick(name)

            yield count

    return Listener(say, counted, lambda: settled[0] > 0 and time.monotonic() >= end)


def _note(text: str) -> None:
    err_console.print(f"note: {printable(text)}", markup=False)


def _unheard(text: str) -> None:
    del text


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
