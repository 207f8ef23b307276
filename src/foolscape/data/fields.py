"""What a field of an annotation file says: one meaning for every way in which files write it, for all readers.

Numbers and ids may be text; truth values may be words; sizes of 0 or -1 are not known. What has no meaning raises
`ValueError`, with what was expected and what was got; the reader adds where it stands.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

from foolscape.class_names import plain

Key: TypeAlias = int | str
"""An id: a whole number, or a text that is none."""

_NUMBER: Final = re.compile(
    r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})(e[+-]?\d{1,4})?|[+-]?(inf|infinity|nan)", re.A | re.I
)
_WHOLE: Final = re.compile(r"[+-]?\d{1,400}(\.0{0,400})?", re.ASCII)

_SIMPLE: Final = re.compile(r"\w[\w.-]{0,200}(/\w[\w.-]{0,200}){0,20}", re.ASCII)
"""A path inside of any folder that nothing needs to be asked about, as nearly all are."""

_YES: Final = frozenset(("yes", "y", "true", "t", "on"))
_NO: Final = frozenset(("no", "n", "false", "f", "off"))
_SAYS_NOTHING: Final = frozenset(
    ("", "unspecified", "unknown", "undefined", "none", "null", "nan", "na", "n/a", "-", "?")
)

_MOST_SIDE: Final = 2**31
"""Pixels; no format holds an image that is wider."""


def shown(value: object) -> str:
    """`value` for a message: short, in one line, whatever it holds."""
    if type(value) is int and abs(value) < 10**15:  # ids: reprlib would say the same, ten times as slowly
        return str(value)
    return reprlib.repr(value)


def number(value: object, name: str) -> float:
    """The number that the field `name` holds, as a number or as text; may be infinite or NaN.

    Raises:
        ValueError: it holds none. Truth values are no numbers, nor are digits with `_` or `,` between them.
    """
    if type(value) is float:
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise ValueError(f"expected a number as {name}, got {shown(value)}")


def whole(value: object, name: str) -> int:
    """The whole number that the field `name` holds, as `number` reads it; raises `ValueError` for another."""
    parsed = number(value, name)
    if not parsed.is_integer():
        raise ValueError(f"expected a whole number as {name}, got {parsed}")
    return int(parsed)


def side(value: object, name: str) -> int | None:
    """The height or width, in pixels, that the field `name` holds; None where it is not known: missing, empty, 0, -1.

    Raises:
        ValueError: it holds no number, a fraction, or more than any image has.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    pixels = whole(value, name)
    if pixels > _MOST_SIDE:
        raise ValueError(f"expected the pixels of an image as {name}, got {shown(value)}")
    return pixels if pixels > 0 else None


def truth(value: object, name: str) -> bool | None:
    """The truth value that the field `name` holds: 0 or 1 in any form, or a word; None where it says nothing.

    Nothing say a field that is missing or empty, NaN, and words such as Unspecified, unknown and none.

    Raises:
        ValueError: another number, another word, or something else.
    """
    if value is None or isinstance(value, bool):
        return value
    word = value.strip().casefold() if isinstance(value, str) else None
    if word in _SAYS_NOTHING:
        return None
    if word in _YES or word in _NO:
        return word in _YES
    try:
        parsed = number(value, name)
    except ValueError:
        parsed = 2.0
    if math.isnan(parsed):
        return None
    if parsed in (0, 1):
        return parsed == 1
    raise ValueError(f"expected 0 or 1 (or yes, no, true, false) as {name}, got {shown(value)}")


def identity(value: object, name: str) -> Key:
    """The id that the field `name` holds; the text of a whole number is that number: "0042" and 42.0 are 42.

    Raises:
        ValueError: missing, empty, a fraction, a truth value or something else than a number or a text.
    """
    if isinstance(value, str) and value.strip():
        return int(value.strip().partition(".")[0]) if _WHOLE.fullmatch(value.strip()) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError(f"expected an id as {name}, got {shown(value)}")


def alike(name: object, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` is, written another way (Traffic_Light for traffic light); None for none."""
    return next((one for one in known if isinstance(name, str) and plain(one) == plain(name)), None)


def inside(value: object, name: str, *, outside: bool | None = None) -> Path:
    r"""The path of a file relative to its folder that the field `name` holds; `\` parts folders as `/` does.

    Only the path is checked: a link in the folder may lead anywhere. `outside` is what ?outside= says, None where
    there is no such option.

    Raises:
        ValueError: no text, no file at all ("", ".", "/"), a character that no file name can have; and, unless
            `outside` is set, an absolute path or one with `..`.
    """
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a file as {name}, got {shown(value)}")
    if _SIMPLE.fullmatch(value):
        return Path(value)
    path = value.replace("\\", "/")
    if not [part for part in path.split("/") if part.strip(". \t\r\n")]:
        raise ValueError(f"expected the name of a file as {name}, got {shown(value)}")
    if "\0" in path or (not path.isascii() and any("\ud800" <= one <= "\udfff" for one in path)):
        raise ValueError(f"expected the name of a file as {name}, got characters that no name can have: {shown(value)}")
    if not outside and (".." in path.split("/") or path.startswith("/") or re.match("[A-Za-z]:/", path)):
        unless = "" if outside is None else " (or ?outside=yes)"
        raise ValueError(f"expected a path inside the folder as {name}{unless}, got {shown(value)}")
    return Path(path)
