"""The pictures of a run, and what is written about it. All else of its files is read by `records.reader`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from foolscape.disk import read_file, write_file
from foolscape.paths import real

Pixels = NDArray[np.uint8]
"""A picture (H, W, 3), or a label map (H, W)."""


def read_image(directory: Path, place: str) -> Pixels | None:
    """(H, W, 3) RGB of the picture at `place` below `directory`; None if it was not kept or cannot be read."""
    return _pixels(directory, place, "RGB")


def read_labels(directory: Path, place: str) -> Pixels | None:
    """(H, W) class indices of the label map at `place` below `directory`; None as for `read_image`."""
    return _pixels(directory, place, None)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, all of it or nothing; RunError where that cannot be done."""
    write_file(path.parent, path.name, text.encode("utf-8", "backslashreplace"))


def _pixels(directory: Path, place: str, mode: str | None) -> Pixels | None:
    path = directory / place
    # A run may be someone else's: never embed a picture from outside of it.
    if not real(path).is_relative_to(real(directory)):
        return None
    try:
        with Image.open(io.BytesIO(read_file(path))) as image:
            pixels = np.asarray(image.convert(mode) if mode else image)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    dimensions = 3 if mode else 2
    return pixels if pixels.dtype == np.uint8 and pixels.ndim == dimensions else None
