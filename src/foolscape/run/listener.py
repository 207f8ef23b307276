"""Whom a run tells of its progress, whatever kind of run it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True)
class Listener:
    """Whom a run tells of its progress.

    Attributes:
        say: takes a remark, one line.
        progress: (title, total, done) -> a context that gives the function to call for every sample settled.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], AbstractContextManager[Callable[[str], None]]]
