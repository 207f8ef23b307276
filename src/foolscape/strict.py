"""What is left out, and `--strict`, under which it ends a command instead of being counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from foolscape.errors import LossError


class LossNote(str):
    """A note, in the words of any other, that tells of images, frames or annotations that were left out."""

    __slots__ = ()


_STRICT: Final[ContextVar[bool]] = ContextVar("strict", default=False)


@contextmanager
def strictly(strict: bool) -> Iterator[None]:
    """Within it, where it is `strict`, `lose` ends the command."""
    token = _STRICT.set(strict)
    try:
        yield
    finally:
        _STRICT.reset(token)


def is_strict() -> bool:
    """Whether what is left out ends the command."""
    return _STRICT.get()


def lose(reason: str) -> None:
    """Something is left out; raises `LossError` with the `reason` where that ends the command."""
    if is_strict():
        raise LossError(
            f"--strict: expected to use all that is there, got: {reason}. Mend it, or go on without --strict"
        )


def losses(notes: Iterable[str]) -> list[str]:
    """Those of the `notes` that are a `LossNote`."""
    return [note for note in notes if isinstance(note, LossNote)]


def lose_any(notes: Iterable[str], where: str = "") -> None:
    """`lose` for the first of the `notes` that is a `LossNote`, with `where` before it."""
    for note in losses(notes):
        lose(f"{where}{note}")
