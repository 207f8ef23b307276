"""Objects over a frame: translucent, with a contour, so that both they and what they cover can be seen."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.metrics.segmentation import VOID
from foolscape.report.files import Pixels
from foolscape.report.pictures import figures

_FILL: Final = 120
"""How opaque an object is, of 255."""
_LIGHTER: Final = 0.5
"""How far its contour goes towards white: colours of label maps may be as dark as a photograph."""
_OUTLINE: Final = (255, 255, 255, 255)
_HALO: Final = (0, 0, 0, 150)
_MOST: Final = 126
"""Objects that have a colour of their own; a palette holds 256, two for each."""


@dataclass(frozen=True)
class Tint:
    """A picture to lay over another: `rgba` (N, 4) uint8 by `index` (H, W), 0 of which shows nothing."""

    index: Pixels
    rgba: Pixels


def tint(labels: Pixels, colours: Pixels, width: int = 2) -> Tint:
    """The objects of (H, W) `labels`, each in its colour of a `figures.palette`, with a contour of `width` pixels."""
    objects = _objects(labels)
    fills = np.column_stack([colours[objects], np.full(len(objects), _FILL)])
    light = colours[objects] + _LIGHTER * (255.0 - colours[objects])
    edges = np.column_stack([light, np.full(len(objects), 255)])
    place = np.zeros(256, dtype=np.uint8)
    place[objects] = np.arange(1, len(objects) + 1)
    index = place[labels]
    index[(index > 0) & _edges(labels, width)] += len(objects)
    return Tint(index, np.vstack([np.zeros((1, 4)), fills, edges]).astype(np.uint8))


def outline(labels: Pixels, width: int = 2) -> Tint:
    """The contours of the objects of (H, W) `labels` alone, white with a dark rim that a bright frame needs."""
    solid = np.where(np.isin(labels, _objects(labels)), labels, 0).astype(np.uint8)
    inside = solid > 0
    index = np.zeros(labels.shape, dtype=np.uint8)
    index[_edges(solid, 1) & ~inside] = 2
    index[_edges(solid, width) & inside] = 1
    return Tint(index, np.array([(0, 0, 0, 0), _OUTLINE, _HALO], dtype=np.uint8))


def laid_over(photo: Pixels, tinted: Tint) -> Pixels:
    """(H, W, 3): `photo` below a tint of its size."""
    above = tinted.rgba[tinted.index].astype(np.float64)
    share = above[..., 3:] / 255
    return np.rint(share * above[..., :3] + (1 - share) * photo).astype(np.uint8)


def tint_url(tinted: Tint) -> str:
    """A tint as the address of an indexed PNG with transparency."""
    image = Image.fromarray(tinted.index, mode="P")
    image.putpalette(tinted.rgba[:, :3].tobytes())
    png = figures.encoded(image, tinted.rgba[:, 3].tobytes())
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def jpeg_url(pixels: Pixels, quality: int) -> str:
    """(H, W, 3) as the address of a JPEG, for what need not be exact."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="JPEG", quality=quality, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _objects(labels: Pixels) -> NDArray[np.intp]:
    present = np.bincount(labels.ravel(), minlength=256) > 0
    present[[0, VOID]] = False
    return np.flatnonzero(present)[:_MOST]


def _edges(labels: Pixels, width: int) -> NDArray[np.bool_]:
    """(H, W): the pixels with another label at most `width` pixels above, below, left or right of them."""
    edges = np.zeros(labels.shape, dtype=np.bool_)
    for step in range(1, width + 1):
        rows, columns = labels[step:] != labels[:-step], labels[:, step:] != labels[:, :-step]
        edges[step:] |= rows
        edges[:-step] |= rows
        edges[:, step:] |= columns
        edges[:, :-step] |= columns
    return edges
