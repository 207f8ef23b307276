"""A process that workers are forked from: it has imported what they need, which takes longer than all else to begin.

It opens no model, touches no device and starts no thread, so that it may be forked. Should what it imports start a
thread, workers are begun anew in their process instead, as if there were no such server.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from foolscape.cluster.pipes import wake_with

LONGEST: Final = 2**16
"""Bytes of a message."""

CHANNELS: Final = 3
"""Standard input, output and error of a worker, which come with the wish for it."""

_LOOK: Final = 0.2
"""Seconds between two looks at the workers, should a signal of their end be missed."""


@dataclass
class _Server:
    """The workers that run, each with the driver's number for it, by process; and where the driver is told."""

    driver: socket.socket
    workers: dict[int, int] = field(default_factory=dict)

    def tell(self, **message: int) -> None:
        """Tell the driver; one that is gone is not told."""
        with suppress(OSError):
            self.driver.send(json.dumps(message).encode())


def main() -> None:
    """Start workers for the driver, whose number is the first argument, until it is gone."""
    driver = socket.socket(fileno=int(sys.argv[-1]))
    server = _Server(driver)
    wake_with(os.getppid())
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, _woken)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    waiting = selectors.DefaultSelector()
    waiting.register(driver, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    while True:
        ready = {key.fd for key, _ in waiting.select(_LOOK)}
        if woken in ready:
            os.read(woken, 4096)
        _bury(server)
        if driver.fileno() in ready and not _heard(server):
            return  # workers see the end of their pipes, and end


def _woken(number: int, frame: object) -> None:
    """A worker has ended: `main` looks, for the descriptor that Python writes to is ready."""
    del number, frame


def _heard(server: _Server) -> bool:
    """Import what the driver wants, and start a worker if it wants one; whether it is still there."""
    try:
        said, channels, _, _ = socket.recv_fds(server.driver, LONGEST, CHANNELS, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return False
    if not said:
        return False
    wish: dict[str, Any] = json.loads(said)
    for module in wish["imports"]:
        with suppress(BaseException):  # the worker meets it, too, and says it
            import_module(module)
    if "module" not in wish:
        return True
    gc.collect()
    gc.freeze()  # so that no worker copies pages just for looking through them
    alone = len(list(Path("/proc/self/task").iterdir())) == 1
    own_group, leads = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(own_group)
        _become(server, wish["module"], channels, leads, alone=alone)
    os.close(leads)
    os.read(own_group, 1)  # it leads a group, or is gone: whoever knows its number may end that group
    os.close(own_group)
    for channel in channels:
        os.close(channel)
    server.workers[pid] = wish["number"]
    server.tell(number=wish["number"], pid=pid)
    return True


def _become(server: _Server, module: str, channels: list[int], leads: int, *, alone: bool) -> NoReturn:
    """In a fork: be the worker, with nothing of the server; a new program where the server was not `alone` in it.

    `leads` is closed when it leads a group of processes of its own.
    """
    code = 1
    try:
        os.setsid()
        os.close(leads)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        server.driver.close()
        for place, channel in enumerate(channels):
            os.dup2(channel, place)
            os.close(channel)
        if not alone:
            from foolscape.cluster.spawned import command

            os.execv(sys.executable, command(module))
        import_module(module).main()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _bury(server: _Server) -> None:
    """Tell of the workers that have ended; what they had started ends with them."""
    for pid in list(server.workers):
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            continue
        with suppress(ProcessLookupError, PermissionError):  # before its number may become another's
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        server.tell(number=server.workers.pop(pid), code=os.waitstatus_to_exitcode(status))
