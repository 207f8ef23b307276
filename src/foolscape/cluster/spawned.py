"""A worker process as the driver sees it: started, written to, listened to, ended."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import IO, Final

from foolscape.cluster.child import Begin, Fault
from foolscape.cluster.endings import ending
from foolscape.cluster.engine import Died, Event
from foolscape.cluster.job import WorkerPlace

_LAST_LINES: Final = 5
"""Of standard error, for the reason of a death."""

_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_STUB: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from foolscape.cluster.child import main; main()"
)
"""What the process runs: with the driver's path, but without the driver's script, which need not be made for that."""


class Spawned:
    """A worker process, from its start on.

    Args:
        place: where the worker is; its scratch folder is there.
        job: pickled.
        put: takes every event of the worker, in a thread of its own; it may wait, and so does the worker then. The
            last one is `Died`.
    """

    def __init__(self, place: WorkerPlace, job: bytes, put: Callable[[Spawned, Event], None]) -> None:
        self.place = place
        self._put = put
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended_for = ""
        self._outbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _STUB, json.dumps(sys.path), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | dict.fromkeys(_THREADS, str(place.threads)),
            start_new_session=True,  # what the keyboard sends is for the driver
        )
        self.send(Begin(job, place))
        self._stderr = threading.Thread(target=self._overhear, daemon=True)
        self._threads = [
            self._stderr,
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: object) -> None:
        """A message of `child`; to a process that is gone, or does not listen, it is never sent."""
        self._outbox.put(message)

    def kill(self, reason: str = "") -> None:
        """End the process and all that it started; `reason` is what it is said to have died of."""
        self._ended_for = self._ended_for or reason
        _kill(self._process)

    def look(self) -> None:
        """End what a process that is gone has left behind: while it holds the pipe, the end is not seen."""
        if self._process.poll() is not None:
            _kill(self._process)

    def join(self) -> None:
        """Wait for the end of a process that was killed, and of the threads that talk to it."""
        self._process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(5)

    def _overhear(self) -> None:
        with _pipe(self._process.stderr) as stderr:
            for line in stderr:
                self._said.append(line.decode(errors="replace"))

    def _write(self) -> None:
        """In a thread, for a process that stands still does not read."""
        with contextlib.suppress(OSError), _pipe(self._process.stdin) as stdin:
            while (message := self._outbox.get()) is not None:
                pickle.dump(message, stdin)
                stdin.flush()

    def _read(self) -> None:
        with _pipe(self._process.stdout) as stdout:
            try:
                while True:
                    event = pickle.load(stdout)
                    if isinstance(event, Fault):
                        self._ended_for = self._ended_for or event.reason
                    else:
                        self._put(self, event)
            except (EOFError, OSError):
                fault = ""
            except Exception as error:
                fault = f"its answer could not be read: {type(error).__name__}: {error}"
            _kill(self._process)
            code = self._process.wait()
        self._outbox.put(None)
        self._stderr.join(5)
        reason = self._ended_for or fault or ending(code, self._said)
        self._put(self, Died(self.place.name, self.place.node, reason))


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)  # its own session, and so a group of its own number
