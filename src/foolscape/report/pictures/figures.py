"""Pictures as bytes of files: photographs, label maps in class colours, and changes magnified to be seen."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.report.files import Pixels

SIDE: Final = 360
"""Pixels of the longer side that a picture is brought to: three stand side by side on a page."""

_GREY: Final = 127.5
_VOID_COLOUR: Final = (128, 128, 128)
_GAP: Final = 8

Colours = Sequence[Sequence[int]]


class Magnified(NamedTuple):
    """A perturbation made visible: `pixels` (H, W, 3) uint8 is mid-grey + `factor` x the change, in grey levels."""

    pixels: Pixels
    factor: float


def palette(colours: Colours, classes: int) -> Pixels:
    """(256, 3): a colour for each of `classes` classes, made up where `colours` has none, grey for the rest."""
    table = np.tile(np.array(_VOID_COLOUR, dtype=np.uint8), (256, 1))
    for index in range(min(classes, 255)):
        if index < len(colours):
            table[index] = np.clip(colours[index][:3], 0, 255)
        else:
            # Steps of the golden ratio round the hue circle keep neighbours apart, however many there are.
            table[index] = [round(255 * c) for c in colorsys.hls_to_rgb(index * 0.618 % 1, 0.55, 0.6)]
    return table


def coloured(labels: Pixels, colours: Pixels) -> Pixels:
    """(H, W, 3): every label of (H, W) in its colour of a `palette`."""
    return colours[labels]


def changed(before: Pixels, after: Pixels, colours: Pixels) -> Pixels:
    """(H, W, 3): the label map `after` where it differs from `before`, white where it does not."""
    return np.where((before != after)[..., None], colours[after], np.uint8(255)).astype(np.uint8)


def magnified(clean: Pixels, attacked: Pixels) -> Magnified:
    """The change from `clean` to `attacked` (H, W, 3) about mid-grey, its largest value brought to full range."""
    change = attacked.astype(np.float64) - clean
    factor = _GREY / max(float(np.abs(change).max(initial=0)), 1.0)
    return Magnified(np.clip(np.rint(_GREY + factor * change), 0, 255).astype(np.uint8), factor)


def fitted(pixels: Pixels, *, smooth: bool, side: int = SIDE) -> Pixels:
    """`pixels` (H, W, 3) scaled so that the longer side is about `side`.

    Photographs are `smooth` (Lanczos); label maps and perturbations are not, since their values mean something: they
    are enlarged by a whole factor, or thinned out. Both come to the same size.
    """
    height, width = pixels.shape[:2]
    ratio = side / max(height, width)
    ratio = float(int(ratio)) if ratio >= 1 else ratio
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    filter_ = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize(size, filter_))


SMALLEST: Final = True
"""Whether PNGs of pages are made as small as is worth the time."""

_LEVEL: Final = 3
"""How hard zlib tries on a picture of many colours: 9 takes three to six times as long, and saves 4 to 11 %."""

_QUALITY: Final = 92
"""Of a JPEG with colours at full size: a third of the PNG, and the eye sees no other picture."""

_PHOTOGRAPH: Final = 128
"""Pixels of the longer side from which on a photograph is a JPEG; below, a PNG is small, and every pixel is seen."""

_COLOURS: Final = 256


def png(pixels: Pixels) -> bytes:
    """(H, W, 3) uint8 as the bytes of a PNG; indexed, a tenth of the size, where 256 colours hold it exactly."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    if _has_many(packed):
        return _saved(Image.fromarray(pixels), format="PNG", compress_level=_LEVEL if SMALLEST else 1)
    colours, index = np.unique(packed, return_inverse=True)
    image = Image.fromarray(index.reshape(packed.shape).astype(np.uint8), mode="P")
    image.putpalette(np.stack([colours >> 16, colours >> 8, colours], axis=1).astype(np.uint8).tobytes())
    return encoded(image)


def _has_many(packed: NDArray[np.uint32]) -> bool:
    """Whether a picture has more than 256 colours; a part tells that of most photographs."""
    flat = packed.ravel()
    return any(len(np.unique(part)) > _COLOURS for part in (flat[:: 1 + len(flat) // 4096], flat))


def encoded(image: Image.Image, transparency: bytes | None = None) -> bytes:
    """An indexed image as the bytes of a PNG; `transparency` is the opacity of each colour of its palette."""
    level = 9 if SMALLEST else 1  # 9 is what `optimize` takes
    seen = {} if transparency is None else {"transparency": transparency}
    return _saved(image, format="PNG", optimize=SMALLEST, compress_level=level, **seen)


def _saved(image: Image.Image, **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **settings)
    return file.getvalue()


def data_url(pixels: Pixels, *, photograph: bool = False) -> str:
    """A picture as the address of itself, for a page that needs no other file.

    A large photograph is a JPEG. What is drawn, and a change, is a PNG: lines stay sharp, and values are what they are.
    """
    if photograph and max(pixels.shape[:2]) >= _PHOTOGRAPH:
        content, kind = _saved(Image.fromarray(pixels), format="JPEG", quality=_QUALITY, subsampling=0), "jpeg"
    else:
        content, kind = png(pixels), "png"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def panel(above: Sequence[Pixels], below: Sequence[Pixels]) -> bytes:
    """The PNG of two rows of pictures (H, W, 3) of one size, white between them."""
    return png(_spaced([_spaced(above, axis=1), _spaced(below, axis=1)], axis=0))


def _spaced(parts: Sequence[Pixels], axis: int) -> Pixels:
    """The pictures side by side (axis 1) or one above the other (axis 0), with a white gap between."""
    shape = list(parts[0].shape)
    shape[axis] = _GAP
    gap = np.full(shape, 255, dtype=np.uint8)
    return np.concatenate([piece for part in parts for piece in (gap, part)][1:], axis=axis)
