"""What all commands print with: consoles, progress, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import IO, TYPE_CHECKING, Final, cast

from rich import progress as progress_bars
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from foolscape.cli.outlet import STDERR, STDOUT, Outlet
from foolscape.printable import printable

if TYPE_CHECKING:
    from foolscape.records.progress import Foreseen, Progress
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


def listener(
    look: Callable[[], Progress] | None = None, *, quiet: bool = False, seconds: float | None = None
) -> Listener:
    """Tells the terminal how a run gets on, or nobody.

    Args:
        look: how far the run is; None: nobody else counts what it tells.
        quiet: tell nobody.
        seconds: as of `Listener.within`.
    """
    from foolscape.run.listener import Listener
    from foolscape.run.watching.tally import Tally

    if look is None:
        tally = Tally("foolscape")
        return tally.listening(listener(tally.progress, quiet=quiet, seconds=seconds))
    progress = _silence if quiet else partial(_progress, look)
    say = _unheard if quiet else _note
    foreseen = None if quiet else _tell_estimate
    return Listener(say, progress, foreseen=foreseen).within(seconds)


def _tell_estimate(estimate: Foreseen) -> None:
    from foolscape.run.watching.words import of_estimate

    if estimate.took is None:
        tell(of_estimate(estimate))


def _note(text: str) -> None:
    err_console.print(f"note: {printable(text)}", markup=False)


def _unheard(text: str) -> None:
    del text


class _Bar(progress_bars.Progress):
    """A bar with what is known of its part, and below it the workers."""

    def __init__(self, look: Callable[[], Progress]) -> None:
        self._look = look
        bar, count = progress_bars.BarColumn(), progress_bars.MofNCompleteColumn()
        columns = ("{task.description}", bar, count, "{task.fields[far]}")
        super().__init__(*columns, console=err_console, refresh_per_second=_REFRESHED)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, and a line for each worker; one for all where they are many."""
        from foolscape.run.watching.words import far, of_crew, of_gone, of_worker

        now = self._look()
        for task in self.tasks:
            task.fields["far"] = far(now)
        yield self.make_tasks_table(self.tasks)
        if now.workers or now.gone_count:
            about = ", ".join([of_crew(now.workers), *of_gone(now.gone, now.gone_count)])
            yield Text(f"  {about}", overflow="ellipsis", no_wrap=True)
        if 0 < len(now.workers) <= WORKERS_SHOWN:
            yield grid(of_worker(worker) for worker in now.workers)


_REFRESHED: Final = 4
"""Times a second."""

WORKERS_SHOWN: Final = 16
"""As many have a line each."""


def grid(rows: Iterable[Sequence[str]]) -> Table:
    """Lines of cells, set in a little."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for first, *others in rows:
        table.add_row(Text(f"    {first}"), *map(Text, others))
    return table


@contextmanager
def _progress(look: Callable[[], Progress], title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    with _Bar(look) as bar:
        task = bar.add_task(escape(title), total=total, completed=done, far="")
        yield lambda _: bar.advance(task)


@contextmanager
def _silence(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    del title, total, done
    yield lambda _: None
