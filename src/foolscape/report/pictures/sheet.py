"""A contact sheet: images with their labels or boxes drawn over them, to be looked at before a figure is believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from foolscape.metrics.segmentation import VOID
from foolscape.printable import printable
from foolscape.records.overview import DrawnSample
from foolscape.report.files import Pixels
from foolscape.report.pictures.boxes import Colour, Mark, draw_boxes
from foolscape.report.pictures.figures import Colours, fitted, palette, png
from foolscape.report.pictures.masks import laid_over, tint

SIDE: Final = 480
"""Pixels of the longer side of a picture on the sheet."""

COLUMNS: Final = 3
_GAP: Final = 12
_CAPTION: Final = 16
_IGNORED: Final = (150, 150, 150)
_VOID: Final = np.array((255, 0, 255))
"""What counts nowhere is striped, so that it is not taken for a class."""
_STRIPE: Final = 6
_SWATCH: Final = 12

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def drawn(tile: DrawnSample, classes: Sequence[str], colours: Colours, side: int = SIDE) -> Pixels:
    """(h, w, 3): the image of a tile with its truth over it, its longer side about `side`.

    Label maps are translucent with contours, void is striped; boxes have their class, ignore regions are grey.
    """
    if tile.boxes is not None and tile.box_classes is not None and tile.ignored is not None:
        marks = [
            Mark(box, _IGNORED if ignored else _rgb(colours, index), classes[index], "(ignored)" if ignored else "")
            for box, index, ignored in zip(tile.boxes, tile.box_classes.tolist(), tile.ignored.tolist(), strict=True)
        ]
        return draw_boxes(tile.image, marks, side)
    if tile.labels is None:
        return fitted(tile.image, smooth=True, side=side)
    photo = fitted(tile.image, smooth=True, side=side)
    labels = np.asarray(Image.fromarray(tile.labels).resize(photo.shape[1::-1], Image.Resampling.NEAREST))
    return _striped(laid_over(photo, tint(_from_one(labels, classes), _table(colours, len(classes)))), labels == VOID)


def sheet(pictures: Sequence[Pixels], captions: Sequence[str], legend: Sequence[tuple[str, Colour]] = ()) -> bytes:
    """The PNG of `pictures` (h, w, 3) in rows of `COLUMNS`, each with its caption below; a legend stands above them."""
    rows = [list(zip(pictures, captions, strict=True))[at : at + COLUMNS] for at in range(0, len(pictures), COLUMNS)]
    width = max(sum(one.shape[1] + _GAP for one, _ in row) for row in rows) + _GAP
    heights = [max(one.shape[0] for one, _ in row) + _CAPTION + _GAP for row in rows]
    font = ImageFont.load_default(12)
    places = _legend_places(legend, font, width)
    above = places[-1][1] + _CAPTION + _GAP if places else _GAP
    page = Image.new("RGB", (width, above + sum(heights)), "white")
    pen = ImageDraw.Draw(page)
    for (name, colour), (left, top) in zip(legend, places, strict=True):
        pen.rectangle((left, top, left + _SWATCH, top + _SWATCH), fill=colour, outline=(40, 40, 40))
        pen.text((left + _SWATCH + 5, top), printable(name), fill=(40, 40, 40), font=font)
    top = above
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for picture, caption in row:
            page.paste(Image.fromarray(picture), (left, top))
            text = printable(caption)
            while text and font.getlength(text) > picture.shape[1]:
                text = text[:-1]
            pen.text((left, top + picture.shape[0] + 1), text, fill=(40, 40, 40), font=font)
            left += picture.shape[1] + _GAP
        top += height
    return png(np.asarray(page))


def _legend_places(legend: Sequence[tuple[str, Colour]], font: Font, width: int) -> list[tuple[int, int]]:
    """Left and top of each entry, in as many lines as they need."""
    places, left, top = [], _GAP, _GAP
    for name, _ in legend:
        wide = _SWATCH + 5 + round(font.getlength(printable(name))) + 2 * _GAP
        if left > _GAP and left + wide > width:
            left, top = _GAP, top + _CAPTION + 4
        places.append((left, top))
        left += wide
    return places


def _rgb(colours: Colours, index: int) -> Colour:
    red, green, blue = colours[index]
    return red, green, blue


def _from_one(labels: Pixels, classes: Sequence[str]) -> Pixels:
    """Label maps with classes from 1 on: 0 is drawn as nothing, as background is where a class is called so."""
    raised = np.where(labels == VOID, 0, labels + 1).astype(np.uint8)
    background = [index + 1 for index, name in enumerate(classes) if name.strip().casefold() == "background"]
    return np.where(np.isin(raised, background), 0, raised).astype(np.uint8)


def _table(colours: Colours, classes: int) -> Pixels:
    return np.roll(palette(colours, classes), 1, axis=0)


def _striped(picture: Pixels, void: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Pixels:
    rows, columns = np.indices(void.shape)
    stripes = void & ((rows + columns) // _STRIPE % 3 == 0)
    return np.where(stripes[..., None], (picture // 2 + _VOID // 2).astype(np.uint8), picture)
