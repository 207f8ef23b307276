"""Signals that ask a command to end: it does so as after Ctrl-C, with the page of what is there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C: 128 and the number of the signal, as a shell has it."""

_ASKING: Final = ("SIGTERM", "SIGHUP")
"""What `kill`, a batch system's time limit and a terminal that is closed send."""


class Terminated(KeyboardInterrupt):
    """A signal, whose number it holds, has asked the command to end; whatever stops for Ctrl-C stops for it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code of a command that this ended."""
    return 128 + error.number if isinstance(error, Terminated) else INTERRUPTED


def word_of(error: KeyboardInterrupt) -> str:
    """What became of a command that this ended."""
    return "terminated" if isinstance(error, Terminated) else "interrupted"


@contextmanager
def signals_end_it() -> Iterator[None]:
    """Within it the signals raise `Terminated`; one that is ignored, as under nohup, stays so."""
    asking = [getattr(signal, name) for name in _ASKING if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():  # Python takes no signals there
        asking = []
    mine = [one for one in asking if signal.getsignal(one) is signal.SIG_DFL]
    for one in mine:
        signal.signal(one, _end)
    try:
        yield
    finally:
        for one in mine:
            signal.signal(one, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(number)
