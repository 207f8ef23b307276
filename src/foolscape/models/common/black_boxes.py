"""What others know of black boxes: that a model is one, what it was asked, and when it may not answer from memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

WITHOUT_GRADIENTS: Final = "attack it without gradients: blackbox:file.py:function --attack square"
"""The way on where a model of one's own has no gradient; the function takes an image and answers with what it finds."""

_DEEP = 4
"""How many records may stand around one another: a scorer, a checked model, the black box."""

_ANEW: ContextVar[bool] = ContextVar("_ANEW", default=False)


@contextmanager
def asked_anew() -> Iterator[None]:
    """Within it every question is put to the black box itself."""
    token = _ANEW.set(True)
    try:
        yield
    finally:
        _ANEW.reset(token)


def is_asked_anew() -> bool:
    """Whether `asked_anew` holds."""
    return _ANEW.get()


def is_black_box(model: object) -> bool:
    """Whether no gradient may be asked of a segmenter, a detector, or what stands around one."""
    return tally_of(model) is not None


def tally_of(model: object) -> object | None:
    """What a black box was asked so far; None where `model` is none."""
    for _ in range(_DEEP):
        held = getattr(model, "__dict__", {})
        if "asker" in held:
            return getattr(held["asker"], "tally", None)
        model = held.get("inner", held.get("detector"))
    return None
