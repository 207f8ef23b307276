"""What the pools of one command share, so that the next need not begin it anew: it ends when nobody holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar


class Kept(Protocol):
    """Something that takes long to begin."""

    @property
    def gone(self) -> bool:
        """Whether it is of no more use."""
        ...

    @property
    def free(self) -> bool:
        """Whether another may use it now."""
        ...

    def close(self) -> None:
        """End it, if it has not ended; may be called twice."""
        ...


K = TypeVar("K", bound=Kept)


class _Held:
    """What this process keeps, by what it is, for as long as anybody holds it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._there: dict[Hashable, list[Kept]] = {}

    def enter(self) -> None:
        with self._lock:
            self._holders += 1

    def leave(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                there, self._there = self._there, {}
                for kept in (one for several in there.values() for one in several):
                    kept.close()

    def of(self, key: Hashable, begin: Callable[[], K]) -> K:
        with self._lock:
            there = self._there.setdefault(key, [])
            for one in [one for one in there if one.gone]:
                there.remove(one)
                one.close()
            for one in there:
                if one.free:
                    return one  # type: ignore[return-value]  # of one key there is one kind
            there.append(begin())
            return there[-1]  # type: ignore[return-value]


_HELD: Final = _Held()


@contextmanager
def engines_kept() -> Iterator[None]:
    """Within it what pools have begun is kept for those that follow: fork servers, connections to clusters."""
    hold()
    try:
        yield
    finally:
        let_go()


def hold() -> None:
    """Keep what is begun until `let_go`."""
    _HELD.enter()


def let_go() -> None:
    """End what was begun if nobody else holds it."""
    _HELD.leave()


def kept(key: Hashable, begin: Callable[[], K]) -> K:
    """What is called `key` and is free, which must be held; `begin` makes it where there is none."""
    return _HELD.of(key, begin)
