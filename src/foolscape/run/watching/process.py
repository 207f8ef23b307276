"""Processes: whether one is alive, and how much memory this one has held."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def born(pid: int) -> str | None:
    """What tells the process `pid` from a later one of that number; None where there is none, or no Linux."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Behind the name, which may hold anything, the 20th word is the time since the start of the machine.
    words = about.rpartition(")")[2].split()
    return words[19] if len(words) > 19 else None


def alive(pid: int, birth: str | None) -> bool:
    """Whether the process `pid` of this machine, that was `born` then, still is."""
    if birth is not None:
        return born(pid) == birth
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def most_memory() -> int | None:
    """The most bytes that this process has held at once; None where the system does not say."""
    try:
        import resource  # not there on Windows
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
