"""A process that was spawned, as its driver sees it: started, written to, listened to, ended."""

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
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Final, Protocol

from foolscape.cluster.endings import ending
from foolscape.cluster.pipes import Fault

_LAST_LINES: Final = 5
"""Of standard error, for the reason of a death."""

_LAST_SECONDS: Final = 3.0
"""That a process has to end by itself when it says nothing more."""

_STUB: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
"""What the process runs: with the driver's path, but without the driver's script, which need not be made for that."""


@dataclass(frozen=True)
class Ended:
    """The process is gone, for a reason in words."""

    reason: str


class Process(Protocol):
    """A process of its own session, however it was started; the driver has the other ends of its channels."""

    @property
    def parent(self) -> int:
        """The number of the process that started it."""
        ...

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads."""
        ...

    @property
    def stdout(self) -> IO[bytes]:
        """What it says."""
        ...

    @property
    def stderr(self) -> IO[bytes]:
        """What it prints."""
        ...

    def poll(self) -> int | None:
        """Its exit code, as of `subprocess`; None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end; its exit code, None if nobody knows. Raises `subprocess.TimeoutExpired`."""
        ...

    def kill(self) -> None:
        """End it and all that it started."""
        ...


class _Child:
    """A `Process` that this one has started."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.parent = os.getpid()
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr
        self.poll, self.wait = process.poll, process.wait
        self._process = process

    def kill(self) -> None:
        """See `Process`."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)  # its own session, and so a group of its own number


def command(module: str) -> list[str]:
    """What runs `main` of a module in a new program, with the imports of this one."""
    return [sys.executable, "-c", _STUB, json.dumps(sys.path), module]


def spawned(module: str, environment: Mapping[str, str]) -> Process:
    """A process that runs `main` of a module. It is no copy of this one: what it needs it imports anew.

    Args:
        module: what it runs.
        environment: variables of it, beside those of this process.
    """
    return _Child(
        subprocess.Popen(
            command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            start_new_session=True,  # what the keyboard sends is for the driver
        )
    )


class Inbox:
    """What processes say, in the order in which it came; short, so that they wait for a driver that is slower."""

    def __init__(self, size: int) -> None:
        self._queue: queue.Queue[tuple[Spawned, object]] = queue.Queue(size)
        self._closed = threading.Event()

    def put(self, process: Spawned, message: object) -> None:
        """In the thread of a process; a message to a closed inbox is dropped."""
        while not self._closed.is_set():
            try:
                self._queue.put((process, message), timeout=0.2)
            except queue.Full:
                continue
            return

    def get(self, timeout: float) -> tuple[Spawned, object] | None:
        """The next message, and whose it is; None if there is none within so many seconds."""
        try:
            return self._queue.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Drop what still comes."""
        self._closed.set()


class Spawned:
    """What the driver has of a process, from its start on.

    Args:
        process: which has just been started.
        begin: the first message to it.
        inbox: takes every message of it; the last one is `Ended`.
    """

    def __init__(self, process: Process, begin: object, inbox: Inbox) -> None:
        self._inbox = inbox
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        self._ended_for = ""
        self._outbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._process = process
        self.send(begin)
        self._stderr = threading.Thread(target=self._overhear, daemon=True)
        self._threads = [
            self._stderr,
            threading.Thread(target=self._write, daemon=True),
            threading.Thread(target=self._read, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: object) -> None:
        """A message; to a process that is gone, or does not listen, it is never sent."""
        self._outbox.put(message)

    def kill(self, reason: str = "") -> None:
        """End the process and all that it started; `reason` is what it is said to have died of."""
        self._ended_for = self._ended_for or reason
        self._process.kill()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def look(self) -> None:
        """End what a process that is gone has left behind: while it holds the pipe, the end is not seen."""
        if self.is_gone:
            self._process.kill()

    def close(self, seconds: float) -> None:
        """Let the process see that nothing more will come, and end; kill it after so many seconds."""
        self._outbox.put(None)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def join(self) -> None:
        """Wait for the end of a process that was killed, and of the threads that talk to it."""
        self._process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(5)

    def _overhear(self) -> None:
        with self._process.stderr as stderr:
            for line in stderr:
                self._said.append(line.decode(errors="replace"))

    def _write(self) -> None:
        """In a thread, for a process that stands still does not read."""
        with contextlib.suppress(OSError), self._process.stdin as stdin:
            while (message := self._outbox.get()) is not None:
                pickle.dump(message, stdin)
                stdin.flush()

    def _read(self) -> None:
        with self._process.stdout as stdout:
            try:
                while True:
                    message = pickle.load(stdout)
                    if isinstance(message, Fault):
                        self._ended_for = self._ended_for or message.reason
                    else:
                        self._inbox.put(self, message)
            except (EOFError, OSError):
                fault = ""
            except Exception as error:
                fault = f"its answer could not be read: {type(error).__name__}: {error}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_LAST_SECONDS)  # one that ends by itself says why
            self._process.kill()
            code = self._process.wait()
        self._outbox.put(None)
        self._stderr.join(5)
        self._inbox.put(self, Ended(self._ended_for or fault or ending(code, self._said)))
