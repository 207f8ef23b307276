"""Options of a model's spec as values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from foolscape.errors import SettingError
from foolscape.spec import Spec

_T = TypeVar("_T")


def read(spec: Spec, reader: Callable[[str, str], _T], *names: str) -> dict[str, Any]:
    """Those of the options `names` that are given, as values; `SettingError` for one that cannot be read."""
    return {name: reader(name, spec.options[name]) for name in names if name in spec.options}


def whole(name: str, text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{name}: expected a whole number, got {text!r}") from None


def number(name: str, text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"{name}: expected a number, got {text!r}") from None


def switch(name: str, text: str) -> bool:
    """0 or 1."""
    if text not in ("0", "1"):
        raise SettingError(f"{name}: expected 0 or 1, got {text!r}")
    return text == "1"


def truth(name: str, text: str) -> bool:
    """true or false, also 1 or 0."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise SettingError(f"{name}: expected true or false, got {text!r}")
    return known[text.lower()]


def size(name: str, text: str) -> tuple[int, int]:
    """(height, width) of 240x432."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise SettingError(f"{name}: expected HEIGHTxWIDTH such as 240x432, got {text!r}")
    return int(match[1]), int(match[2])


def thinned(spec: Spec) -> int:
    """`?thin=N`, what the channels of a network are divided by.

    Raises:
        SettingError: it is no power of two that divides them all, or the weights are not random.
    """
    thin: int = read(spec, whole, "thin").get("thin", 1)
    if thin not in (1, 2, 4, 8, 16):
        raise SettingError(f"thin: expected 2, 4, 8 or 16, got {thin}")
    if thin > 1 and spec.options.get("weights") != "none":
        raise SettingError(f"thin: expected weights=none beside it, since no file has such a network, got {spec.text}")
    return thin
