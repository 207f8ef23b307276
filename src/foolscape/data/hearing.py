"""What is warned of while a file is decoded, which becomes a note of the sample."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TRIES: Final = 20


def heard(work: Callable[[], T]) -> tuple[T, tuple[str, ...]]:
    """What `work` gives, and the warnings that it raised, in this thread alone.

    Python has one list of filters for all threads. Warnings of others go where they would have gone, and where another
    thread has changed the filters meanwhile, so that something may not have been heard, `work` is done again.
    """
    mine = threading.get_ident()
    for last in (*(False,) * _TRIES, True):
        caught: list[str] = []
        with warnings.catch_warnings():
            elsewhere = warnings.showwarning

            def show(
                message: Warning | str,
                category: type[Warning],
                *place: Any,
                _caught: list[str] = caught,
                _elsewhere: Callable[..., None] = elsewhere,
            ) -> None:
                if threading.get_ident() == mine:
                    _caught.append(str(message))
                else:
                    _elsewhere(message, category, *place)

            warnings.simplefilter("always")
            warnings.showwarning = show  # type: ignore[assignment]  # the place is handed on as it comes
            filters = warnings.filters
            try:
                result = work()
            except Exception:  # of filters that make errors of warnings, perhaps
                if last or warnings.filters is filters:
                    raise
                continue
            if last or (warnings.filters is filters and warnings.showwarning is show):
                return result, tuple(caught)
    raise AssertionError("the last try returns or raises")
