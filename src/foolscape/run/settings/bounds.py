"""Several bounds in one setting: `eps` as `1/255,4/255`, or a list of them, is one run that measures each."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from foolscape.errors import SettingError
from foolscape.pixels import Levels

EPS: Final = "eps"
"""The option of an attack that can have several values."""


class BoundsWarning(UserWarning):
    """Bounds are measured in another order than they were given in, or once where they were given twice."""


def bounds_in(options: Mapping[str, object]) -> tuple[str, ...]:
    """The bounds that recorded options have, rising; none where the attack has its own."""
    value = options.get(EPS)
    if value is None:
        return ()
    return tuple(str(part) for part in _parts(value) or (value,)) if are_bounds(value) else (str(value),)


def are_bounds(value: object) -> bool:
    """Whether each part of `value`, a text with commas or a list, is a bound; a user's own attack may mean others."""
    with suppress(SettingError):
        return bool([Levels.parse(str(part), EPS) for part in _parts(value) or ()])
    return False


def at_bounds(options: Mapping[str, object]) -> tuple[dict[str, object], ...]:
    """`options` once for each of their bounds, rising; as they are where there is one or none."""
    if len(bounds := bounds_in(options)) < 2:
        return (dict(options),)
    return tuple({**options, EPS: bound} for bound in bounds)


def at_largest(options: Mapping[str, object]) -> dict[str, object]:
    """`options` with the largest of their bounds alone."""
    return at_bounds(options)[-1]


def recorded_bounds(value: object) -> object:
    """Several bounds as they are recorded: each once, rising, with commas between them; anything else as it is.

    Raises:
        SettingError: one of several is no bound.
    """
    parts = _parts(value)
    if parts is None:
        return value
    if not parts:
        raise SettingError(f"{EPS}: expected a bound such as 8/255, or several, got none")
    levels = [part if isinstance(part, Levels) else Levels.parse(str(part), EPS) for part in parts]
    as_given, rising = ",".join(map(str, levels)), ",".join(map(str, sorted(set(levels))))
    if as_given != rising:
        warnings.warn(f"{EPS}: {as_given} is measured as {rising}", BoundsWarning, stacklevel=2)
    return rising


def same_bounds(one: object, other: object) -> bool:
    """Whether both are the same bounds, in whatever order and form."""
    with warnings.catch_warnings(), suppress(SettingError):
        warnings.simplefilter("ignore", BoundsWarning)
        return recorded_bounds(one) == recorded_bounds(other)
    return False


def refuse_several(options: Mapping[str, object], why: str) -> None:
    """`SettingError` where options have several bounds; `why` takes one alone, such as `a transfer is within one`."""
    if len(bounds := bounds_in(options)) > 1:
        raise SettingError(
            f"{EPS}: expected one bound, for {why}, got {','.join(bounds)}; give one, such as {bounds[-1]}"
        )


def _parts(value: object) -> list[object] | None:
    """The parts of a list or of a text with commas; None for anything else."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.split(",")]
    return None
