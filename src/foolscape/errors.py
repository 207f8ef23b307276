"""The errors foolscape raises on purpose.

FoolscapeError
 +- SettingError     a value on the command line, in a config file or in a constructor
 |   +- UnknownNameError   a model, attack or data set that does not exist (near misses are named)
 +- ModelError       a model that does not keep its side of the protocol
 |   +- CheckpointError    a weights file that is missing, damaged or unsafe to read
 |   +- ClassMatchError    a model without a class of the data; a proposal follows, line by line
 |   +- GradientError      an input gradient that is missing, zero, not finite or wrong
 +- DataError        a data set as a whole: empty folder, unknown layout, labels that do not fit
 |   +- SampleError        one image or label: recorded, counted, and the run goes on
 +- RunError         a run directory: another command's, locked, damaged
 |   +- UnwritableError    one that cannot be written to
 +- DeviceError      a device whose memory does not hold what it is given
 +- MissingExtraError    an optional package that is not installed
 +- LossError        something was left out where nothing may be

Every message has one form: what was expected, what was got, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_NEAR = 0.5
"""How alike names must be, by difflib's ratio, for one to be taken for a misspelling of the other."""


class FoolscapeError(Exception):
    """Base of every error that is meant to be read by a person."""


class SettingError(FoolscapeError):
    """A value on the command line, in a config file or in a constructor does not fit."""


class UnknownNameError(SettingError):
    """A model, attack, data set, variant or split that does not exist."""


class ModelError(FoolscapeError):
    """A model does not keep its side of the protocol."""


class CheckpointError(ModelError):
    """A weights file is missing, damaged, of another network, or unsafe to read."""


class ClassMatchError(ModelError):
    """A model lacks a class of the data; below the message, on lines of its own, stands a class map to edit.

    `match`: how the classes meet, a `models.common.class_match.ClassMatch`.
    """

    def __init__(self, message: str, match: object = None) -> None:
        super().__init__(message)
        self.match = match


class GradientError(ModelError):
    """The gradient of a model with respect to its input is missing, zero, not finite or wrong."""


class DataError(FoolscapeError):
    """A data set as a whole cannot be used."""


class SampleError(DataError):
    """One image or label cannot be used; a run records the reason, counts it and goes on."""


class RunError(FoolscapeError):
    """A run directory cannot be used."""


class UnwritableError(RunError):
    """Nothing can be written to a run directory: no room, no permission, or a link in the place of a file."""


class DeviceError(FoolscapeError):
    """A device's memory does not hold what it is given."""


class MissingExtraError(FoolscapeError):
    """A package that foolscape needs for a part of what it does is not installed; the message says how to do it."""


class LossError(FoolscapeError):
    """An image, a frame or an annotation cannot be used, and nothing may be left out."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """An error for an unknown `name` of a `kind`, with near misses or, without any, all known names."""
    names = sorted(known)
    # Of equally near names the first in the alphabet comes first; difflib would turn them round.
    likeness = {other: difflib.SequenceMatcher(None, other, name).ratio() for other in names}
    near = sorted((n for n in names if likeness[n] >= _NEAR), key=lambda n: -likeness[n])[:3]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"
    return UnknownNameError(f"unknown {kind} {name!r}; {hint}")


class OutOfTimeError(FoolscapeError):
    """The time that a command was given is over; what is done is kept, and the same command goes on from there."""
