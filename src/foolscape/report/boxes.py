"""Boxes drawn into a photograph, each with its class and score on a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from foolscape.metrics.boxes import Floats
from foolscape.report.figures import SIDE, Pixels, fitted
from foolscape.report.render import printable

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

    Tags stay inside the picture and off each other: one that finds no free place at its box is left out, and a name
    that is wider than the picture is cut.

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
    placed = [(mark, where) for mark in marks if (where := _within(mark.box * scale, width, height))]
    longer = max(width, height)
    thick = max(2, longer // 180)
    for mark, where in reversed(placed):
        pen.rectangle(where, outline=_against(mark.colour), width=thick + 1)
        pen.rectangle(where, outline=mark.colour, width=thick)
    font = ImageFont.load_default(max(_LEAST_TEXT, longer // _SHARE_OF_TEXT))
    taken: list[Rectangle] = []
    for mark, where in placed:
        _tag(pen, font, mark, where, (width, height), taken, [other for _, other in placed if other != where])
    return np.asarray(picture)


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
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    mark: Mark,
    where: Rectangle,
    size: tuple[int, int],
    taken: list[Rectangle],
    others: Sequence[Rectangle],
) -> None:
    """Write the name of a mark at the free corner that hides least of the `others`; add the place to `taken`."""
    text = _cut(font, mark, size[0] - 2 * _PAD)
    width = round(font.getlength(text)) + 2 * _PAD
    # Letters with and without tails stand on tags of one height.
    _, top, _, bottom = font.getbbox("Ag")
    height = round(bottom - top) + 2 * _PAD
    places = [
        place for place in _corners(where, width, height, size) if not any(_shared(place, other) for other in taken)
    ]
    if places:
        place = min(places, key=lambda place: sum(_shared(place, other) for other in others))
        pen.rectangle(place, fill=mark.colour)
        pen.text((place[0] + _PAD, place[1] + _PAD - top), text, fill=_against(mark.colour), font=font)
        taken.append(place)


def _corners(where: Rectangle, width: int, height: int, size: tuple[int, int]) -> list[Rectangle]:
    """Where the tag of a box may be inside a picture of `size`: above it, below it, inside it; left, then right."""
    x1, y1, x2, y2 = where
    if width > size[0]:
        return []
    lines = [y for y in (y1 - height, y2 + 1, y1, y2 + 1 - height) if 0 <= y <= size[1] - height]
    columns = [min(max(x, 0), size[0] - width) for x in (x1, x2 + 1 - width)]
    return [(x, y, x + width - 1, y + height - 1) for y in lines for x in columns]


def _cut(font: ImageFont.ImageFont | ImageFont.FreeTypeFont, mark: Mark, room: int) -> str:
    """Name and value, the name cut until both fit into `room` pixels."""
    name = printable(mark.name)
    for kept in range(len(name), 0, -1):
        text = f"{name[:kept]} {mark.value}".rstrip()
        if font.getlength(text) <= room:
            return text
    return mark.value


def _shared(one: Rectangle, other: Rectangle) -> int:
    """The square pixels that two rectangles have in common."""
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    return max(width, 0) * max(height, 0)


def _against(colour: Colour) -> Colour:
    """Black or white, whichever can be read on `colour`."""
    red, green, blue = colour
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > _BRIGHT else _LIGHT
