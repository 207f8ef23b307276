"""One guard around reading a run's files and rendering them: valid JSON may have any shape."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Concatenate, Final, ParamSpec, TypeVar

from jinja2 import TemplateError
from safetensors import SafetensorError

from foolscape.errors import RunError

P = ParamSpec("P")
T = TypeVar("T")

_SHAPES: Final = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading something of another shape ends in."""


@contextmanager
def having_form(directory: Path) -> Iterator[None]:
    """Within it what is in `directory` is read as a run; a file of another shape is a `RunError`."""
    try:
        yield
    except UnicodeEncodeError:  # a fault of the terminal that something is printed on
        raise
    except (*_SHAPES, SafetensorError, TemplateError) as error:
        words = (str(error).splitlines() or [""])[0][:160]
        place = extract_tb(error.__traceback__)[-1]
        raise RunError(
            f"{directory}: does not have the form of a run: {type(error).__name__}: {words} "
            f"({Path(place.filename).name}, line {place.lineno}). The command that made the run mends what can be "
            "measured again; run.json and summary.json are not to be edited"
        ) from error


def of_a_run(function: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """`function`, which reads the run in the directory it is given, within `having_form`."""

    @functools.wraps(function)
    def guarded(directory: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with having_form(directory):
            return function(directory, *args, **kwargs)

    return guarded
