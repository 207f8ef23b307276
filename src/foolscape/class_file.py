"""Files of class names: one name per line, in the order of the channels or values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.errors import SettingError
from foolscape.regular import read_text


def read_class_names(path: Path, fewest: int = 2) -> tuple[str, ...]:
    """The class names in the text file `path`: one per line; blank lines and # comments are skipped.

    Raises:
        SettingError: the file is missing, not UTF-8 text, or names fewer than `fewest` classes or one twice.
    """
    try:
        lines = read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise SettingError(f"expected a class file (text, one name per line) at {path}, got {error}") from error
    names = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if len(names) < fewest:
        least = f"at least {fewest} class name{'s' if fewest > 1 else ''}"
        raise SettingError(f"expected {least}, one per line, in {path}, got {len(names)}")
    if (twice := same_name(names)) is not None:
        raise SettingError(
            f"{path}: expected distinct class names, got {twice[0]!r} and {twice[1]!r}; rename one of them"
        )
    return names


def same_name(names: Sequence[str]) -> tuple[str, str] | None:
    """Two of the `names` that are the same but for case and surrounding spaces; None where there are none."""
    spellings: dict[str, str] = {}
    for name in names:
        key = name.strip().casefold()
        if key in spellings:
            return spellings[key], name
        spellings[key] = name
    return None
