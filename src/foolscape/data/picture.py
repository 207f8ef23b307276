"""A photograph, and how EXIF says that it is to be turned."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How the stored pixels become upright, by the EXIF orientation; 1 is upright."""


@dataclass(frozen=True)
class Turn:
    """How an image was turned upright.

    Attributes:
        size: (H, W) of the upright image.
        orientation: the EXIF orientation, 1 if it was not turned.
    """

    size: tuple[int, int]
    orientation: int

    @property
    def stored(self) -> tuple[int, int]:
        """(H, W) of the pixels in the file."""
        height, width = self.size
        return (height, width) if self.orientation < 5 else (width, height)


@dataclass(frozen=True)
class Picture:
    """A photograph.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        notes: what had to be done to read it.
        orientation: the EXIF orientation that it was turned upright by, 1 if by none.
    """

    image: NDArray[np.uint8]
    notes: tuple[str, ...]
    orientation: int

    @property
    def turn(self) -> Turn:
        """For what lies on it."""
        height, width = self.image.shape[:2]
        return Turn((height, width), self.orientation)


def orientation_of(image: Image.Image) -> tuple[int, tuple[str, ...]]:
    """The EXIF orientation, 1 to 8, and what there is to say; 1 where it cannot be read: it is no part of the image."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # damaged tags make Pillow raise nearly anything
        return 1, (f"taken as stored: EXIF data that cannot be read ({type(error).__name__})",)
    if isinstance(value, int) and 1 <= value <= 8:
        return value, (f"turned upright (EXIF orientation {value})",) if value > 1 else ()
    return 1, (f"taken as stored: EXIF orientation {reprlib.repr(value)} is none of 1 to 8",)
