"""Warnings become notes of the very sample that raised them, whatever other threads do with Python's filters."""

import threading
import warnings

import pytest

from foolscape.data.hearing import heard


def test_what_is_warned_of_is_heard_however_often() -> None:
    def work() -> int:
        for _ in range(2):
            warnings.warn("a part is missing", stacklevel=1)
        return 3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = warnings.filters
        assert heard(work) == (3, ("a part is missing",) * 2)
        assert warnings.filters is before


def test_another_threads_warnings_are_its_own() -> None:
    told: list[str] = []

    def work() -> None:
        other = threading.Thread(target=lambda: warnings.warn("not of this file", stacklevel=1))
        other.start()
        other.join()

    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: told.append(str(message))
        assert heard(work) == (None, ())
    assert told == ["not of this file"]


@pytest.mark.parametrize("action", ["ignore", "error"])
def test_filters_that_another_thread_sets_meanwhile_hide_nothing(action: str) -> None:
    tries: list[None] = []

    def work() -> None:
        tries.append(None)
        if len(tries) == 1:
            other = threading.Thread(target=_set, args=(action,))
            other.start()
            other.join()
        warnings.warn("a part is missing", stacklevel=1)

    with warnings.catch_warnings():
        assert heard(work) == (None, ("a part is missing",))
    assert len(tries) == 2


def _set(action: str) -> None:
    """As a block of `catch_warnings` does that is entered while another thread is in one of its own."""
    warnings.filters = list(warnings.filters)  # type: ignore[attr-defined]
    warnings.simplefilter(action)  # type: ignore[arg-type]


def test_what_is_raised_comes_through() -> None:
    def work() -> None:
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        heard(work)
