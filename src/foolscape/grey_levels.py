"""Sizes of changes in 8-bit grey levels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from foolscape.errors import SettingError

WHITE: Final = 255
"""The largest grey level."""

_FRACTION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*/\s*255\s*")


@dataclass(frozen=True, order=True)
class Levels:
    """A change of pixels, kept exactly in grey levels: `Levels.parse("8/255")`.

    Attributes:
        levels: the size in levels of 1/255, between 0 (exclusive) and 255.
    """

    levels: Fraction

    @classmethod
    def parse(cls, text: str, name: str = "eps") -> Levels:
        """Read `8/255` or `0.5/255`; anything else, also a bare number, is a `SettingError` that says what to write."""
        match = _FRACTION.fullmatch(text)
        if match is None:
            several = "; several at once are for foolscape run and evaluate" if name == "eps" and "," in text else ""
            raise SettingError(
                f"{name}: expected a fraction of 255 such as 8/255, got {text!r}{several or _advice(text)}"
            )
        levels = Fraction(match[1])
        if not 0 < levels <= WHITE:
            raise SettingError(f"{name}: expected more than 0/255 and at most 255/255, got {text!r}")
        return cls(levels)

    @property
    def unit(self) -> float:
        """The size in [0, 1]."""
        return float(self.levels / WHITE)

    def __str__(self) -> str:
        return f"{float(self.levels):g}/255"


def levels(text: str) -> Levels:
    """A change in grey levels, `levels("8/255")`: how the default of an attack's option is written."""
    return Levels.parse(text)


def _advice(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return ""
    if not 0 < number <= WHITE:
        return ""
    if number >= 1:
        return f"; for {number:g} grey levels write {number:g}/255"
    return f"; for {number:g} of the pixel range write {number * WHITE:.4g}/255"
