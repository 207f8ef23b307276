"""Label files in, indices or colours out; every unusable file a `SampleError`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data.images import Decoded, ImageSource, decode, refuse
from foolscape.data.labels.mat import SUFFIX, decode_mat

_FORMATS: Final = ("PNG", "TIFF", "BMP", "GIF")
"""Formats that keep every pixel as it was; JPEG and WebP, which does not always, make other values of them."""

_DO: Final = "store class indices in an 8-bit grey or palette PNG"

# Pillow widens grey PNGs of 2 and 4 bits to the range 0..255; as class indices they must be narrowed again.
_WIDENED_BY = {"L;2": 85, "L;4": 17}


_TINT = 4
"""How far, in levels, red, green and blue of a grey may be apart."""


@dataclass(frozen=True)
class IndexImage:
    """An image of indices as its file holds it.

    Attributes:
        values: (H, W) uint8, the indices.
        grey: (H, W) uint8, the grey that a viewer shows, the same array where it is the index; None where a pixel has a
            colour.
        colours: whether the file has a palette with a colour in it, used or not.
    """

    values: NDArray[np.uint8]
    grey: NDArray[np.uint8] | None
    colours: bool


@dataclass(frozen=True)
class LabelFile:
    """A label map as its file holds it.

    Attributes:
        path: of the file, for messages.
        decoded: its pixels.
    """

    path: ImageSource
    decoded: Decoded

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W), upright."""
        return self.decoded.image.height, self.decoded.image.width

    @cached_property
    def values(self) -> NDArray[np.int32]:
        """(H, W) the values of the pixels; of a palette image the indices, of a grey one stored as RGB the grey.

        Raises:
            SampleError: the pixels are colours, fractions, or below 0.
        """
        image = self.decoded.image
        if image.mode in ("L", "P", "1", "I", "I;16", "I;16B", "I;16L"):
            stored = np.array(image).astype(np.int32)
            if stored.min() < 0:
                raise refuse(self.path, "class indices from 0 on", f"an index of {stored.min()}", _DO)
            return stored // _WIDENED_BY.get(self.decoded.raw_mode, 1)
        grey = self.colours if image.mode in ("RGB", "RGBA", "LA") else None
        if grey is None or (grey != grey[..., :1]).any():
            raise refuse(self.path, "labels as single-channel class indices", f"an image of mode {image.mode}", _DO)
        return grey[..., 0].astype(np.int32)

    @cached_property
    def colours(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB of the pixels as a viewer shows them.

        Raises:
            SampleError: more than 8 bits a channel, or pixels that let through what is behind them.
        """
        image = self.decoded.image
        if ";16" in self.decoded.raw_mode or image.mode not in ("L", "P", "PA", "1", "RGB", "RGBA", "LA"):
            got = f"an image of mode {image.mode}"
            raise refuse(self.path, "labels as colours of 8 bits a channel", got, "store them as RGB in a PNG")
        if image.has_transparency_data and np.array(image.convert("RGBA").getchannel("A")).min() < 255:
            raise refuse(self.path, "opaque labels", "pixels with alpha below 255", "store them as RGB, without alpha")
        return np.array(image.convert("RGB"), np.uint8)


def read_values(path: ImageSource) -> NDArray[np.int32]:
    """(H, W) the values in the label file `path`, of a palette image the indices; nothing is checked against classes.

    Raises:
        SampleError: no such file, empty, damaged, a format that changes pixels, colours, indices below 0.
    """
    return read_label_file(path).values


def read_label_file(path: ImageSource) -> LabelFile:
    """The label map in the file `path`, upright; raises `SampleError` as `read_values`, but for colours."""
    if isinstance(path, Path) and path.suffix.lower() == SUFFIX:
        return LabelFile(path, decode_mat(path))
    return LabelFile(path, decode(path, _FORMATS, "a label map", _DO))


def read_indexed(path: Path) -> IndexImage:
    """The indices in the PNG `path` and what they look like; raises as `read_values` does, also for another format."""
    return _indexed(path, _decoded_png(path))


def read_mask(path: Path) -> IndexImage | NDArray[np.uint8]:
    """As `read_indexed`, but of an RGB image the colours (H, W, 3); raises also for pixels that are not opaque."""
    decoded = _decoded_png(path)
    if decoded.image.mode in ("RGB", "RGBA", "LA") and ";16" not in decoded.raw_mode:
        return LabelFile(path, decoded).colours
    return _indexed(path, decoded)


def _decoded_png(path: Path) -> Decoded:
    return decode(path, ("PNG",), "a PNG of class indices", _DO)


def _indexed(path: Path, decoded: Decoded) -> IndexImage:
    image = decoded.image
    if image.mode not in ("L", "P", "1", "I;16", "I"):
        raise refuse(path, "labels as single-channel class indices", f"an image of mode {image.mode}", _DO)
    stored = np.array(image)
    if stored.min() < 0 or stored.max() > 255:
        got = f"indices from {stored.min()} to {stored.max()}"
        raise refuse(path, "class indices from 0 to 255", got, _DO)
    values = stored.astype(np.uint8)
    if image.mode == "P":
        return _with_palette(values, image.getpalette() or [])
    if image.mode == "1":
        return IndexImage(values, values * np.uint8(255), colours=False)
    widened = _WIDENED_BY.get(decoded.raw_mode, 1)
    return IndexImage(values if widened == 1 else values // np.uint8(widened), values, colours=False)


def _with_palette(values: NDArray[np.uint8], palette: list[int]) -> IndexImage:
    """`values` with what they look like by the red, green and blue of each entry of `palette`, one after the other."""
    entries = np.array(palette, np.int32).reshape(-1, 3)
    coloured = np.ones(256, np.bool_)  # an index behind the end has no colour that is known
    coloured[: len(entries)] = np.ptp(entries, axis=1) > _TINT
    colours = bool(coloured[: len(entries)].any())
    if coloured[np.unique(values)].any():
        return IndexImage(values, None, colours)
    greys = np.zeros(256, np.uint8)
    greys[: len(entries)] = entries[:, 1]
    grey = greys[values]
    return IndexImage(values, values if np.array_equal(grey, values) else grey, colours)
