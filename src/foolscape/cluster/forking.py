"""The driver's side of a fork server: it is started with the first worker, and kept as `keeping` has it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Final

from foolscape.cluster import fork_server
from foolscape.cluster.fork_server import CHANNELS, LONGEST
from foolscape.cluster.keeping import kept
from foolscape.cluster.spawned import Process, command, spawned

CAN_FORK: Final = sys.platform == "linux"
"""Elsewhere libraries do not stand it."""


class Forked:
    """A worker that a fork server starts; a `Process`.

    Attributes:
        parent: the number of the server's process.
        stdin, stdout, stderr: the driver's ends.
    """

    def __init__(self, parent: int, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self.parent = parent
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self._ended = threading.Event()
        self._code: int | None = None
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._doomed = False

    def poll(self) -> int | None:
        """See `Process`."""
        return self._code if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int | None:
        """See `Process`; None where nobody knows how it ended, for the server was gone by then."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("a worker", timeout or 0.0)
        return self._code

    def kill(self) -> None:
        """See `Process`."""
        with self._lock:
            self._doomed = True
            if self._pid is not None and not self._ended.is_set():
                _kill_group(self._pid)

    def told(self, message: Mapping[str, int]) -> None:
        """What the server says of it."""
        with self._lock:
            if "pid" in message:
                self._pid = message["pid"]
                if self._doomed:
                    _kill_group(self._pid)
            else:
                self._code = message["code"]
                self._ended.set()

    def orphaned(self) -> None:
        """The server is gone, and with it whoever could say how this ends: it is ended."""
        with self._lock:
            if self._pid is not None and not self._ended.is_set():
                _kill_group(self._pid)
            self._ended.set()


@dataclass(eq=False)
class _Server:
    """A fork server, and the workers that it has been asked for, by number."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    workers: dict[int, Forked] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    listening: threading.Thread | None = None

    def forked(self, module: str, imports: Sequence[str]) -> Forked:
        """A worker that runs `main` of `module`, after the server has imported `imports`.

        Raises:
            OSError: the server is gone.
        """
        theirs, ours = _pipes()
        number = next(self.numbers)
        worker = self.workers[number] = Forked(self.process.pid, *ours)
        wish = {"number": number, "module": module, "imports": list(imports)}
        try:
            socket.send_fds(self.channel, [json.dumps(wish).encode()], theirs)
        except OSError:
            for end in ours:
                end.close()
            del self.workers[number]
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return worker

    def import_ahead(self, imports: Sequence[str]) -> None:
        """Have it import `imports`, while the driver does something else."""
        with contextlib.suppress(OSError):  # the first worker finds out
            self.channel.send(json.dumps({"imports": list(imports)}).encode())

    def listen(self) -> None:
        """In a thread: pass on what the server says, until it is gone."""
        with contextlib.suppress(OSError):
            while said := self.channel.recv(LONGEST):
                message = json.loads(said)
                worker = self.workers[message["number"]]
                worker.told(message)
                if "code" in message:
                    del self.workers[message["number"]]
        for worker in list(self.workers.values()):
            worker.orphaned()

    @property
    def gone(self) -> bool:
        """See `Kept`."""
        return self.process.poll() is not None

    @property
    def free(self) -> bool:
        """See `Kept`; it serves all at once."""
        return True

    def close(self) -> None:
        """End it; its workers have ended before, or do now."""
        with contextlib.suppress(OSError):
            self.channel.shutdown(socket.SHUT_RDWR)
        self.process.kill()
        self.process.wait()
        if self.listening is not None:
            self.listening.join()
        self.channel.close()


def _server(environment: Mapping[str, str]) -> _Server:
    """The one for workers with this environment, which is begun if it is not there."""
    whole = {**os.environ, **environment}
    key = json.dumps(["fork server", str(Path.cwd()), sys.path, sorted(whole.items())])
    return kept(key, lambda: _begun(whole))


def import_ahead(imports: Sequence[str], environment: Mapping[str, str]) -> None:
    """Begin the server, which must be held, of workers that will be wanted soon; see `begun`."""
    if CAN_FORK:
        with contextlib.suppress(OSError):
            _server(environment).import_ahead(imports)


def begun(module: str, imports: Sequence[str], environment: Mapping[str, str]) -> Process:
    """A process that runs `main` of `module`: a fork of a server, which must be held, or one of its own.

    Args:
        module: what it runs.
        imports: modules that the server imports before; they start no threads and touch no device.
        environment: variables, beside those of this process.
    """
    if CAN_FORK:
        with contextlib.suppress(OSError):
            return _server(environment).forked(module, imports)
    return spawned(module, environment)


def _begun(environment: Mapping[str, str]) -> _Server:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [*command(fork_server.__name__), str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(environment),
        pass_fds=(theirs.fileno(),),
        start_new_session=True,
    )
    theirs.close()
    server = _Server(process, ours)
    server.listening = threading.Thread(target=server.listen, daemon=True)
    server.listening.start()
    return server


def _pipes() -> tuple[list[int], tuple[IO[bytes], IO[bytes], IO[bytes]]]:
    """The worker's ends of three pipes, in the order of its channels, and the driver's."""
    pairs = [os.pipe() for _ in range(CHANNELS)]
    (read, write), *others = pairs
    theirs = [read, *(write for _, write in others)]
    stdout, stderr = (os.fdopen(read, "rb") for read, _ in others)
    return theirs, (os.fdopen(write, "wb"), stdout, stderr)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
