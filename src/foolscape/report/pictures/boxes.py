"""Boxes drawn into a photograph, each with its class and score on a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from foolscape.metrics.boxes import Floats
from foolscape.printable import printable
from foolscape.report.files import Pixels
from foolscape.report.pictures.figures import SIDE, fitted

TAGS: Final = 100
"""So many marks get a tag; more could not be read, and each looks for a place among all boxes."""
_SHARE_OF_TEXT: Final = 36
"""The longer side of a picture in heights of its text."""
_LEAST_TEXT: Final = 10
_PAD: Final = 2
_BRIGHT: Final = 140
"""Luma from which a colour takes dark text."""
_DARK, _LIGHT = (20, 20, 20), (255, 255, 255)

Rectangle = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels, the ends included."""
Colour = tuple[int, int, int]
Rectangles = NDArray[np.int64]
"""(K, 4), each a `Rectangle`."""


@dataclass(frozen=True)
class Lettering:
    """A font, and where its letters with and without tails begin and how tall they are, in pixels."""

    font: ImageFont.ImageFont | ImageFont.FreeTypeFont
    top: int
    height: int


@dataclass(frozen=True)
class Mark:
    """A box to draw.

    Attributes:
        box: (4,) x1, y1, x2, y2 in pixels of the photograph; one that is not finite or outside is left out.
        colour: RGB.
        name: what the box is.
        value: what stands behind the name and is never cut, such as a score.
    """

    box: Floats
    colour: Colour
    name: str
    value: str = ""


def draw_boxes(photo: Pixels, marks: Sequence[Mark], side: int = SIDE) -> Pixels:
    """The photograph brought to `side` with `marks` in it, the first on top.

    Tags stay inside the picture and off each other: one that finds no free place at its box is left out, as are those
    of all marks behind the first `TAGS`, and a name that is wider than the picture is cut.

    Args:
        photo: (H, W, 3).
        marks: the most important first.
        side: longer side of the result, as in `figures.fitted`.
    """
    base = fitted(photo, smooth=True, side=side)
    height, width = base.shape[:2]
    scale = np.array([width / photo.shape[1], height / photo.shape[0]] * 2)
    picture = Image.fromarray(base)
    pen = ImageDraw.Draw(picture)
    placed = [(mark, rectangle) for mark in marks if (rectangle := _within(mark.box * scale, width, height))]
    longer = max(width, height)
    thick = max(2, longer // 180)
    for mark, rectangle in reversed(placed):
        pen.rectangle(rectangle, outline=_against(mark.colour), width=thick + 1)
        pen.rectangle(rectangle, outline=mark.colour, width=thick)
    lettering = _lettering(max(_LEAST_TEXT, longer // _SHARE_OF_TEXT))
    boxes = np.array([rectangle for _, rectangle in placed], dtype=np.int64).reshape(-1, 4)
    taken: list[Rectangle] = []
    for mark, rectangle in placed[:TAGS]:
        _tag(pen, lettering, mark, rectangle, (width, height), taken, boxes[(boxes != rectangle).any(axis=1)])
    return np.asarray(picture)


@cache
def _lettering(size: int) -> Lettering:
    font = ImageFont.load_default(size)
    _, top, _, bottom = font.getbbox("Ag")
    return Lettering(font, round(top), round(bottom - top))


def _within(box: Floats, width: int, height: int) -> Rectangle | None:
    """The box cut to the picture; None where nothing of it is inside."""
    if not np.isfinite(box).all():
        return None
    x1, y1, x2, y2 = box
    if x2 < x1 or y2 < y1 or x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return None
    left, top = int(max(x1, 0)), int(max(y1, 0))
    return left, top, max(left, int(min(x2, width - 1))), max(top, int(min(y2, height - 1)))


def _tag(
    pen: ImageDraw.ImageDraw,
    lettering: Lettering,
    mark: Mark,
    rectangle: Rectangle,
    size: tuple[int, int],
    taken: list[Rectangle],
    others: Rectangles,
) -> None:
    """Write the name of a mark at the free corner that hides least of the `others`; add the place to `taken`."""
    font = lettering.font
    text = _cut(font, mark, size[0] - 2 * _PAD)
    width = round(font.getlength(text)) + 2 * _PAD
    height = lettering.height + 2 * _PAD
    tags = np.array(taken, dtype=np.int64).reshape(-1, 4)
    places = [place for place in _corners(rectangle, width, height, size) if not _shared(place, tags)]
    if places:
        place = min(places, key=lambda place: _shared(place, others))
        pen.rectangle(place, fill=mark.colour)
        pen.text((place[0] + _PAD, place[1] + _PAD - lettering.top), text, fill=_against(mark.colour), font=font)
        taken.append(place)


def _corners(rectangle: Rectangle, width: int, height: int, size: tuple[int, int]) -> list[Rectangle]:
    """Where the tag of a box may be inside a picture of `size`: above it, below it, inside it; left, then right."""
    x1, y1, x2, y2 = rectangle
    if width > size[0]:
        return []
    lines = [y for y in (y1 - height, y2 + 1, y1, y2 + 1 - height) if 0 <= y <= size[1] - height]
    columns = [min(max(x, 0), size[0] - width) for x in (x1, x2 + 1 - width)]
    return [(x, y, x + width - 1, y + height - 1) for y in lines for x in columns]


def _cut(font: ImageFont.ImageFont | ImageFont.FreeTypeFont, mark: Mark, room: int) -> str:
    """Name and value, the name cut until both fit into `room` pixels."""
    name = printable(mark.name)
    for letters in range(len(name), 0, -1):
        text = f"{name[:letters]} {mark.value}".rstrip()
        if font.getlength(text) <= room:
            return text
    return mark.value


def _shared(one: Rectangle, others: Rectangles) -> int:
    """The square pixels that a rectangle has in common with each of the others, summed."""
    left, top = np.maximum(others[:, :2], one[:2]).T
    right, bottom = np.minimum(others[:, 2:], one[2:]).T
    return int((np.maximum(right - left + 1, 0) * np.maximum(bottom - top + 1, 0)).sum())


def _against(colour: Colour) -> Colour:
    """Black or white, whichever can be read on `colour`."""
    red, green, blue = colour
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > _BRIGHT else _LIGHT
