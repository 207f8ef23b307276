"""A log of a command on request: a line of JSON for each thing that happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foolscape.errors import SettingError
from foolscape.records.progress import Foreseen, Progress, WorkerGone
from foolscape.records.types import dumped, to_json
from foolscape.run.listener import Listener, Settled
from foolscape.run.watching.tally import outcome_of


class EventLog:
    """Appends what happens to the file at `path`: every line has `event`, `time` of day and `seconds` since it began.

    Args:
        path: of the file; a command that goes on goes on in it.
        command, run: the name of the command, and of its directory.

    Raises:
        SettingError: it cannot be written. What cannot be written later is lost, and ends no command.
    """

    def __init__(self, path: Path, command: str, run: str) -> None:
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise SettingError(
                f"log: expected the name of a file that can be written, got {path}: {error.strerror}"
            ) from error
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._workers: set[str] = set()
        self._gone = 0
        self._told_end = False
        self.tell("begun", command=command, run=run)

    def tell(self, event: str, **about: Any) -> None:
        """A line."""
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        seconds = round(time.monotonic() - self._begun, 3)
        line = dumped({"event": event, "time": when, "seconds": seconds, **about})
        with self._lock:
            try:
                self._file.write(line)
                self._file.flush()
            except (OSError, ValueError):  # a full disk; or it was closed, as the command has ended
                return

    def listening(self, listener: Listener) -> Listener:
        """Tells `listener` all that it is told, and writes it down."""

        @contextmanager
        def progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
            self.tell("part", title=title, total=total, done=done)
            with listener.progress(title, total, done) as tick:
                yield tick

        def phase(text: str) -> None:
            self.tell("phase", phase=text)
            listener.phase(text)

        def settled(one: Settled) -> None:
            about = {"attack_seconds": None if one.seconds is None else round(one.seconds, 3), "reason": one.reason}
            known = {name: value for name, value in about.items() if value is not None}
            self.tell("image", model=one.model, id=one.id, outcome=outcome_of(one), **known)
            listener.settled(one)

        def foreseen(estimate: Foreseen) -> None:
            self.tell("estimate", **to_json(Foreseen, estimate))
            if listener.foreseen is not None:
                listener.foreseen(estimate)

        return replace(listener, progress=progress, phase=phase, settled=settled, foreseen=foreseen)

    def __call__(self, progress: Progress) -> None:
        """Who joined and who went, and how it ended; a `Sink`."""
        for worker in progress.workers:
            if worker.worker not in self._workers:
                self._workers.add(worker.worker)
                self.tell("worker joined", worker=worker.worker, node=worker.node, device=worker.device)
        new = progress.gone_count - self._gone
        for gone in progress.gone[-new:] if new > 0 else ():
            self._went(gone)
        self._gone = progress.gone_count
        if progress.state == "stopped" and not self._told_end:
            self._told_end = True
            self.tell("stopped", reason=progress.reason)

    def _went(self, gone: WorkerGone) -> None:
        self.tell(f"worker {gone.event}", worker=gone.worker, node=gone.node, reason=gone.reason)

    def close(self) -> None:
        """No more is written."""
        self._file.close()
