"""A command that others can watch: what it tells goes to files in its directory while it is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from foolscape.disk import write_passing
from foolscape.errors import FoolscapeError, OutOfTimeError
from foolscape.memory import first_line
from foolscape.records.places import PROGRESS
from foolscape.records.progress import Progress, progress_bytes
from foolscape.run.directory.lock import is_own, times_owned
from foolscape.run.listener import Listener
from foolscape.run.watching.tally import Tally

EVERY: Final = 1.0
"""Seconds between two looks at what has changed."""

QUIET: Final = 10.0
"""Seconds after which what has not changed is written all the same, so that readers know that somebody is there."""

Sink = Callable[[Progress], object]
"""Is told how far a command is; what it cannot write is nobody's fault."""


@contextmanager
def watched(directory: Path, listener: Listener, tally: Tally, sinks: Sequence[Sink] = ()) -> Iterator[Listener]:
    """While it lasts, progress.json in `directory` tells how far a command is; afterwards, how it ended.

    Nothing is written before the directory is this process's own, so that of two commands the one that is refused
    leaves the other's file alone. A file that cannot be written ends no command.

    Args:
        directory: of the command.
        listener: whom the command would tell.
        tally: counts what it tells.
        sinks: who else is told, as often as the file is written.

    Yields:
        Whom the command is to tell.
    """
    keeper = _Keeper(directory, tally, sinks)
    with keeper.at_work():
        try:
            yield tally.listening(listener)
        except BaseException as error:
            tally.ended("stopped", _reason(error))
            raise
        tally.ended("finished")


def _reason(error: BaseException) -> str:
    """Why a command stops, in a line."""
    if isinstance(error, OutOfTimeError):
        return "out of time"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted" if type(error) is KeyboardInterrupt else "terminated"
    return first_line(error) if isinstance(error, FoolscapeError) else f"{type(error).__name__}: {first_line(error)}"


class _Keeper:
    """Writes the files, in a thread of its own: an image may take minutes."""

    def __init__(self, directory: Path, tally: Tally, sinks: Sequence[Sink]) -> None:
        self._directory, self._tally, self._sinks = directory, tally, sinks
        self._end = threading.Event()
        self._owned = times_owned(directory)
        self._written: tuple[object, float] | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The thread's life; before and after it the first and the last word are written."""
        self._look()
        thread = threading.Thread(target=self._go_on, name="foolscape-watching", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()
            if self._written is not None or times_owned(self._directory) > self._owned:
                self._write(self._tally.progress())

    def _go_on(self) -> None:
        while not self._end.wait(EVERY):
            self._look()

    def _look(self) -> None:
        progress = self._tally.progress()
        if self._is_news(progress) and _ours(self._directory):
            self._write(progress)

    def _is_news(self, progress: Progress) -> bool:
        if self._written is None:
            return True
        told, when = self._written
        return _told(progress) != told or progress.seconds - when >= QUIET

    def _write(self, progress: Progress) -> None:
        self._written = _told(progress), progress.seconds
        with suppress(FoolscapeError, OSError):
            write_passing(self._directory, PROGRESS, progress_bytes(progress))
        for sink in self._sinks:
            with suppress(FoolscapeError, OSError):
                sink(progress)


def _ours(directory: Path) -> bool:
    with suppress(OSError):
        return is_own(directory)
    return False


def _told(progress: Progress) -> object:
    """What is worth a line: whatever the clocks say besides is not."""
    return progress.state, progress.phase, [part.done for part in progress.parts], progress.workers, progress.gone_count
