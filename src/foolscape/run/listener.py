"""Whom a run tells of its progress, whatever kind of run it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from foolscape.errors import OutOfTimeError


def never() -> bool:
    """For a run that has all the time it takes."""
    return False


@dataclass(frozen=True)
class Listener:
    """Whom a run tells of its progress.

    Attributes:
        say: takes a remark, one line.
        progress: (title, total, done) -> a context that gives the function to call for every sample settled.
        enough: whether the time that the run was given is over; it then ends at the next whole image, or epoch.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], AbstractContextManager[Callable[[str], None]]]
    enough: Callable[[], bool] = never

    def stop_if_enough(self) -> None:
        """`OutOfTimeError` where the time is over."""
        if self.enough():
            raise OutOfTimeError("the time budget is spent; the same command goes on from here")
