"""How long a store is waited for, and how often it is asked again."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from foolscape.errors import SettingError
from foolscape.stores.secrets import scrubbed

T = TypeVar("T")

SECONDS: Final = "FOOLSCAPE_STORE_TIMEOUT"
"""The environment variable that says how long one answer may take."""

TRIES: Final = 3
"""How often a store is asked for the same thing."""

_DEFAULT: Final = 60.0
_PAUSE: Final = 0.5
"""Seconds before the second try, at most a quarter of what an answer may take; twice as many before the next."""

_FINAL: Final = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Answers that another try does not change."""


class StoreError(OSError):
    """A store did not give what it was asked for; `strerror` says why, without keys."""


def seconds() -> float:
    """How long one answer may take; raises as `seconds_in`."""
    return seconds_in(SECONDS, _DEFAULT)


def seconds_in(variable: str, default: float) -> float:
    """What an environment variable says; raises `SettingError` for another text than a number of seconds."""
    text = os.environ.get(variable, "") or str(default)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise SettingError(f"expected {variable} to be a number of seconds up to 86400, got {text!r}")
    return value


def ask(
    system: Any, method: str, *arguments: object, times: float = 1, length: int | None = None, **options: object
) -> Any:
    """What `method` of fsspec's file `system` returns, asked for up to `TRIES` times with pauses between them.

    Args:
        system: a file system of fsspec.
        method: its name, without the underscore that it has in asynchronous ones.
        arguments: what it is given.
        times: how many times as long as one answer it may take.
        length: of what it must return; None: any.
        options: what it is given by name.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: it refuses, fails, or takes too long.
    """
    limit = seconds() * times
    pause = min(_PAUSE, limit / 4)
    for number in range(1, TRIES + 1):
        try:
            answer = _within(limit, system, method, arguments, options)
            if length is None or len(answer) == length:
                return answer
            raise EOFError(f"{len(answer):,} bytes instead of {length:,}")
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, scrubbed(error.strerror or error) or "no such file") from None
        except Exception as error:  # the clients of a dozen stores raise nearly anything
            final = isinstance(error, _FINAL) or _is_about_keys(error)
            if final or number == TRIES:
                tries = "" if number == 1 else f" ({number} tries)"
                number_of = error.errno if isinstance(error, OSError) else None
                raise StoreError(number_of or errno.EIO, f"{_reason(error, limit)}{tries}") from None
        time.sleep(pause)
        pause *= 2
    raise AssertionError("the last try returns or raises")


def _reason(error: Exception, limit: float) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return f"no answer within {limit:g} s"
    said = scrubbed((isinstance(error, OSError) and error.strerror) or error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _is_about_keys(error: Exception) -> bool:
    return type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")


def _within(limit: float, system: Any, method: str, arguments: tuple[object, ...], options: dict[str, object]) -> Any:
    """The answer, or `TimeoutError` without a text."""
    if getattr(system, "async_impl", False):
        from fsspec.asyn import sync  # here, as it is needed for stores alone

        return _timed(lambda: sync(system.loop, getattr(system, f"_{method}"), *arguments, timeout=limit, **options))
    return _in_thread(limit, lambda: getattr(system, method)(*arguments, **options))


def _timed(call: Callable[[], T]) -> T:
    """fsspec's own error for what took too long becomes a plain one; it is a `TimeoutError`, too."""
    try:
        return call()
    except TimeoutError:
        raise TimeoutError from None


def _in_thread(limit: float, call: Callable[[], T]) -> T:
    """`call`, which cannot be stopped: after `limit` seconds it is left to itself."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:  # raised again by whoever asked
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True, name="foolscape-store")
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        raise TimeoutError
    if errors:
        raise errors[0]
    return answers[0]
