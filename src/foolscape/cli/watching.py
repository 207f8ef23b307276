"""For those who watch a command that measures: its directory's progress.json, `--live`, `--metrics`, `--log`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from foolscape.cli.console import listener
from foolscape.cli.manners import JobOutcome, Manners
from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.records.places import SHARDS

if TYPE_CHECKING:
    from foolscape.run.listener import Listener
    from foolscape.run.watching.log import EventLog
    from foolscape.run.watching.watched import Sink

Finished = Callable[[JobOutcome], None]
"""Is told what came of a command when all is done."""


@contextmanager
def observed(command: str, place: Path, manners: Manners) -> Iterator[tuple[Listener, Finished]]:
    """Whom the `command` at work in `place` is to tell of its progress, and of its end.

    Raises:
        SettingError: a file that was asked for cannot be written.
    """
    from foolscape.run.watching.live import LivePage
    from foolscape.run.watching.metrics import MetricsFile
    from foolscape.run.watching.tally import Tally
    from foolscape.run.watching.watched import watched

    tally = Tally(command)
    told = listener(tally.progress, quiet=manners.quiet, seconds=manners.seconds)
    sinks: list[Sink] = []
    if manners.live:
        sinks.append(LivePage(place))
    if manners.metrics is not None:
        sinks.append(MetricsFile(_new_file("metrics", manners.metrics), _run_of(place), tally))
    with _log(manners.log, command, place) as log:
        if log is None:
            with watched(place, told, tally, sinks) as heard:
                yield heard, _unheard
            return
        with watched(place, log.listening(told), tally, [*sinks, log]) as heard:
            yield heard, lambda outcome: _log_end(log, outcome)


def _run_of(place: Path) -> str:
    """What a run is called; a part of one by both names."""
    return f"{place.parent.parent.name}/{place.name}" if place.parent.name == SHARDS else place.name


def _unheard(outcome: JobOutcome) -> None:
    del outcome


def _new_file(flag: str, named: str) -> Path:
    """Where a file may be written."""
    path = path_of(named)
    if path.is_dir() or not path.parent.is_dir():
        raise SettingError(f"{flag}: expected the name of a file in a folder that is there, got {path}")
    return path


@contextmanager
def _log(path: str | None, command: str, place: Path) -> Iterator[EventLog | None]:
    """The log, if one is asked for."""
    if path is None:
        yield None
        return
    from foolscape.run.watching.log import EventLog

    log = EventLog(_new_file("log", path), command, _run_of(place))
    try:
        yield log
    finally:
        log.close()


def _log_end(log: EventLog, outcome: JobOutcome) -> None:
    scores = [{"model": one.model, "attacked": dict(one.scores)} for one in outcome.attacked]
    log.tell("finished", verdict=outcome.verdict, failures=outcome.failures, models=scores)
