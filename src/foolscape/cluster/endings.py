"""Why a process ended, in words."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Final

_OFTEN: Final = {
    "SIGKILL": "often for want of memory",
    "SIGBUS": "often a full /dev/shm, or a file that was cut short",
    "SIGSEGV": "a fault in compiled code",
    "SIGABRT": "given up by compiled code",
    "SIGTERM": "asked to end",
}

_LONGEST: Final = 400
"""Characters of what a process said last."""


def ending(code: int | None, said: Sequence[str] = ()) -> str:
    """Of an exit code (of `subprocess`: negative for signals; None if nobody knows) and the last lines of standard
    error.
    """
    if code is None:
        words = "ended with the process that it was forked from"
    elif code < 0:
        name = _signal_name(-code)
        often = f", {_OFTEN[name]}" if name in _OFTEN else ""
        words = f"killed by signal {-code} ({name}){often}"
    else:
        words = f"ended with exit code {code}"
    last = " | ".join(line.strip() for line in said if line.strip())
    return f"{words}; its last words: {last[-_LONGEST:]}" if last else words


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
