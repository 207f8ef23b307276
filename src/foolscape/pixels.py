"""Pixels: 8-bit grey levels and the float range [0, 1] that networks and attacks work in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from foolscape.errors import SettingError

if TYPE_CHECKING:  # settings are read without torch, and bounds are settings
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

WHITE = 255
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
            raise SettingError(f"{name}: expected a fraction of 255 such as 8/255, got {text!r}{_advice(text)}")
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
    return f"; for {number:g} of the pixel range write {number * WHITE:g}/255"


def to_unit(image: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]; a copy."""
    import torch

    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].contiguous().float() / WHITE


def to_image(levels: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) uint8 -> (H, W, 3) uint8 array on the CPU; a copy."""
    import numpy as np

    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def round_to_levels(images: Tensor) -> Tensor:
    """Float images in [0, 1] -> uint8 of the same shape, rounded to the nearest level."""
    import torch

    return (images * WHITE).round().clamp(0, WHITE).to(torch.uint8)
