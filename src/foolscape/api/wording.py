"""Errors and remarks of what runs below a call, in the words of Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from foolscape.errors import FoolscapeError
from foolscape.run.settings.words import in_python

P = ParamSpec("P")
T = TypeVar("T")


def in_its_words(function: Callable[P, T]) -> Callable[P, T]:
    """`function` of the front door, whose errors name its arguments in the place of options of the command line."""

    @wraps(function)
    def called(*given: P.args, **named: P.kwargs) -> T:
        try:
            return function(*given, **named)
        except FoolscapeError as error:
            error.args = (in_python(str(error)),)
            raise

    return called
