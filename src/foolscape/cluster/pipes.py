"""The end of a process that was spawned: how it talks to its driver, through standard input and output."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from dataclasses import dataclass
from typing import IO, Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
"""Of Linux's <sys/prctl.h>."""


@dataclass(frozen=True)
class Fault:
    """The last that a process says that is of no more use: why."""

    reason: str


class DriverGone(BaseException):  # no error of whoever talks, and not to be caught as one
    """Nobody listens."""


def channels() -> tuple[IO[bytes], IO[bytes]]:
    """From and to the driver; what is printed goes to standard error instead, and nothing can be read."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def say(sink: IO[bytes], message: object) -> None:
    """Tell the driver.

    Raises:
        DriverGone: there is none any more.
    """
    try:
        pickle.dump(message, sink)
        sink.flush()
    except BrokenPipeError:
        raise DriverGone from None


def heard(source: IO[bytes]) -> object | None:
    """The next message of the driver; None if it is gone."""
    try:
        message: object = pickle.load(source)
    except (EOFError, OSError, pickle.UnpicklingError):
        return None
    return message


def wake_with(parent: int) -> None:
    """Have Linux wake this process when its parent ends, should it have been stopped: it is to see that, and end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)
        if os.getppid() != parent:
            os._exit(1)


def end_group() -> NoReturn:
    """End this process and those that it started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
