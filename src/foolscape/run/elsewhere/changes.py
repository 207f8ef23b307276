"""What was written to a folder and is not in the store yet."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from foolscape.run.elsewhere.fetching import is_carried
from foolscape.run.elsewhere.ledger import grows


@dataclass(frozen=True)
class Grown:
    """How far a file that grows is.

    Attributes:
        turn: another number whenever it was written anew.
        size: its bytes.
    """

    turn: int
    size: int


@dataclass(frozen=True)
class Changes:
    """All that was changed until one moment.

    Attributes:
        files: that were written.
        gone: that were removed.
        grown: how far files are that grow.
    """

    files: frozenset[str]
    gone: frozenset[str]
    grown: dict[str, Grown]


@dataclass
class Changed:
    """Gathers changes, from all threads."""

    local: Path
    _files: set[str] = field(default_factory=set)
    _gone: set[str] = field(default_factory=set)
    _grown: dict[str, Grown] = field(default_factory=dict)
    _fresh: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def wrote(self, place: str) -> None:
        """A file was written as a whole."""
        if not is_carried(place) and not is_told(place):
            return
        with self._lock:
            self._gone.discard(place)
            if grows(place):
                turn = self._grown[place].turn + 1 if place in self._grown else 1
                self._grown[place] = Grown(turn, (self.local / place).stat().st_size)
                self._fresh = True
            else:
                self._files.add(place)

    def grew(self, place: str, begin: int, size: int) -> None:
        """Bytes were added to a file."""
        if not grows(place):
            self.wrote(place)
            return
        with self._lock:
            self._gone.discard(place)
            turn = self._grown[place].turn if place in self._grown else 1
            self._grown[place] = Grown(turn, begin + size)
            self._fresh = True

    def removed(self, place: str) -> None:
        """A file was removed."""
        if not is_carried(place):
            return
        with self._lock:
            self._files.discard(place)
            self._fresh |= self._grown.pop(place, None) is not None
            self._gone.add(place)

    def begun_with(self, grown: dict[str, Grown]) -> None:
        """How far files that grow are in the store already."""
        with self._lock:
            self._grown = {**grown, **self._grown}

    def taken(self) -> Changes:
        """All changes so far, which are no changes any more; see `again`."""
        with self._lock:
            found = Changes(frozenset(self._files), frozenset(self._gone), dict(self._grown))
            self._files.clear()
            self._gone.clear()
            self._fresh = False
        return found

    def again(self, files: Iterable[str] = (), gone: Iterable[str] = (), *, grown: bool = False) -> None:
        """These are changes still; what became of them since counts."""
        with self._lock:
            self._files |= {place for place in files if place not in self._gone}
            self._gone |= {place for place in gone if place not in self._files}
            self._fresh |= grown

    def is_turn(self, place: str, turn: int) -> bool:
        """Whether a file was not written anew since."""
        with self._lock:
            return place in self._grown and self._grown[place].turn == turn

    @property
    def count(self) -> int:
        """How many files have changed."""
        with self._lock:
            return len(self._files) + len(self._gone) + self._fresh


def is_told(place: str) -> bool:
    """Whether a file tells how far a command is: it goes up, and never comes down."""
    return place in ("progress.json", "live.html")
