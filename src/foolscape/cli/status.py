"""`foolscape status`: how a command gets on, from another terminal or another machine."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from foolscape.cli.console import AT_WORK, DONE, NOBODY, WORKERS_SHOWN, grid, out_console, tell
from foolscape.cli.outlet import STDOUT
from foolscape.errors import RunError
from foolscape.paths import run_folder_of
from foolscape.printable import printable_json

if TYPE_CHECKING:
    from foolscape.records.progress import Progress
    from foolscape.run.elsewhere.leftover import Leftover
    from foolscape.run.watching.standing import Standing

_EVERY: Final = 1.0
"""Seconds between two looks."""

_STYLES: Final = {"finished": "green", "running": "cyan", "stopped": "yellow", "dead": "red", "not begun": "dim"}


def status(
    directory: Annotated[
        str, typer.Argument(help="Directory of a run, of its parts (--shard), or a transfer, ..", metavar="DIR")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second while it is at work.")] = False,
) -> None:
    """Tell how a command gets on that is at work in a directory, or was: how far, how fast, time left, workers.

    It reads a few files and changes nothing. It exits with 0 where all is finished, 7 where somebody is at work, 8
    where something is left and nobody is at work: the same command goes on.
    """
    from foolscape.run.watching.elsewhere import standing_at
    from foolscape.run.watching.standing import State

    place = run_folder_of(directory)
    try:
        standing = standing_at(place)
    except RunError:
        _tell_left(place)  # of a run that was killed before any of it was in the store
        raise
    if watch and not as_json:
        with Live(shown(standing), console=out_console, auto_refresh=False) as live:
            while standing.state is State.RUNNING:
                time.sleep(_EVERY)
                standing = standing_at(place)
                live.update(shown(standing), refresh=True)
    elif as_json:
        told = json.dumps(_as_json(standing) | _left_as_json(place), indent=1)
        STDOUT.write(printable_json(told + "\n", STDOUT.encoding))
    else:
        out_console.print(shown(standing))
        _tell_left(place)
    code = {State.FINISHED: DONE, State.RUNNING: AT_WORK}.get(standing.state, NOBODY)
    if code != DONE:
        raise typer.Exit(code)


def _left_here(place: Path) -> Leftover | None:
    """What this machine keeps of a run in a store, as far as that answers."""
    from foolscape.run.elsewhere.leftover import leftover_of
    from foolscape.stores.path import StorePath

    with suppress(OSError):
        return leftover_of(place) if isinstance(place, StorePath) else None
    return None


def _tell_left(place: Path) -> None:
    from foolscape.run.watching.words import size

    if (left := _left_here(place)) is not None:
        when = "; it goes by itself when it is a week old" if left.goes else ""
        tell(f"of it on this machine: {left.folder}, {size(left.size)}; {left.use}{when}")


def _left_as_json(place: Path) -> dict[str, Any]:
    left = _left_here(place)
    return {} if left is None else {"here": {"folder": str(left.folder), "bytes": left.size, "use": str(left.use)}}


def shown(standing: Standing) -> RenderableType:
    """What is printed of it."""
    lines: list[RenderableType] = [_title(standing)]
    if standing.progress is not None:
        lines.extend(_of_command(standing.progress))
    if standing.parts:
        lines.append(_of_parts(standing))
    return Group(*lines)


def _title(standing: Standing) -> Text:
    progress = standing.progress
    words = Text.assemble(f"{standing.directory}: ", (str(standing.state), _STYLES[standing.state]))
    if progress is not None:
        from foolscape.report.tables.table import duration

        words.append(f", foolscape {progress.command}, {duration(progress.seconds)}, on {progress.host}")
    if standing.why:
        words.append(f"; {standing.why}")
    if standing.state in ("stopped", "dead"):
        words.append("; the same command goes on")
    return words


def _of_command(progress: Progress) -> list[RenderableType]:
    """What it has done, what it does, and who helps."""
    from foolscape.run.watching.words import how_far, of_crew, of_gone, of_part, of_whole, of_worker

    first = (how_far(progress), of_whole(progress))
    lines: list[RenderableType] = [Text(f"  {line}") for line in first if line]
    if len(progress.parts) > 1:
        lines.append(grid(of_part(part) for part in progress.parts))
    if progress.workers:
        lines.append(Text(f"  {of_crew(progress.workers)}"))
        if len(progress.workers) <= WORKERS_SHOWN:
            lines.append(grid(of_worker(worker) for worker in progress.workers))
    return [*lines, *(Text(f"  {line}") for line in of_gone(progress.gone, progress.gone_count))]


def _of_parts(standing: Standing) -> Table:
    """A line for each part of a run."""
    from foolscape.run.watching.words import how_far

    table = Table(box=None, pad_edge=False)
    for heading in ("  part", "state", "on", ""):
        table.add_column(heading)
    for part in standing.parts:
        told = part.progress
        what = part.why if told is None else "; ".join(word for word in (how_far(told), part.why) if word)
        state = Text(str(part.state), style=_STYLES[part.state])
        table.add_row(Text(f"  {part.directory.name}"), state, Text("" if told is None else told.host), Text(what))
    return table


def _as_json(standing: Standing) -> dict[str, Any]:
    from foolscape.records.progress import Progress
    from foolscape.records.types import to_json

    told = standing.progress
    return {
        "directory": str(standing.directory),
        "state": str(standing.state),
        "why": standing.why,
        "progress": None if told is None else to_json(Progress, told),
        "parts": [_as_json(part) for part in standing.parts],
    }
