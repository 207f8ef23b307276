"""Data sets that keep to MAITE's protocol for object detection (version 0.10): read as a user's own are.

`maite:package.module:factory` names one, and so does `mine.py:factory`. A datum is (image, target, metadata): the image
(C, H, W) in RGB, uint8 or floats in [0, 1]; the target's boxes x1, y1, x2, y2 in pixels, its labels; `index2label` of
the data set's metadata names them. Nothing of the package `maite` is needed, since its protocols are structural.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import DataError, SampleError

PREFIX: Final = "maite:"
"""What may stand before the place of a data set, to say what it keeps to."""

_NORMALISED: Final = 16
"""No image that is normalised as usual has a value as large; grey levels as floats have."""


class MaiteImages:
    """A MAITE data set as the object that `data.own` reads.

    Attributes:
        source: the data set.
        classes: the names of its labels.
        ids: those of the data, where the data set tells them without the images (`get_metadata`); else numbers.
        metadata: by id what the data set says of a datum without its image; empty where it does not.
    """

    def __init__(self, name: str, source: Any) -> None:
        """Raises `DataError` where `name`, the data set, does not name its labels."""
        self.source = source
        self.classes = _classes(name, source.metadata)
        read = getattr(source, "get_metadata", None)
        numbers = range(len(source))
        said: list[Mapping[str, Any]] = [{} if read is None else read(index) for index in numbers]
        self.ids = [f"{index:06d}" if read is None else str(one["id"]) for index, one in enumerate(said)]
        self.metadata = dict(zip(self.ids, said, strict=True))

    def __len__(self) -> int:
        return len(self.source)

    def attributes(self, sample_id: str) -> Mapping[str, Any]:
        """The metadata of a datum."""
        return self.metadata.get(sample_id, {})

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        image, target, _ = self.source[index]
        return _pixels(image, self.ids[index]), {"boxes": target.boxes, "labels": target.labels}


def is_maite(source: object) -> bool:
    """Whether `source` has what MAITE asks of a data set, whose metadata are a mapping with an id."""
    metadata = getattr(source, "metadata", None)
    return isinstance(metadata, Mapping) and "id" in metadata and hasattr(source, "__getitem__")


def _classes(name: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    names = metadata.get("index2label")
    if not isinstance(names, Mapping) or not names:
        raise DataError(f"{name}: expected index2label in the metadata, which names the labels, got none; add it")
    if sorted(names) != list(range(len(names))):
        numbers = ", ".join(map(str, sorted(names)[:8]))
        raise DataError(f"{name}: expected names of the labels 0 to {len(names) - 1} in index2label, got {numbers}")
    return tuple(str(names[index]) for index in range(len(names)))


def levels_of(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Floats in [0, 1] as grey levels; raises `SampleError` for others: a normalised image cannot be kept at 8 bits."""
    if not (pixels.size and pixels.min() >= 0 and pixels.max() <= 1):
        ends = f"{pixels.min():g} to {pixels.max():g}" if pixels.size else "none"
        levels_in_floats = pixels.size and pixels.min() >= 0 and _NORMALISED < pixels.max() <= 255
        advice = "leave the normalising out" + ", and divide by 255" * bool(levels_in_floats)
        raise SampleError(f"{name}: expected a tensor with values in [0, 1], got {ends}; {advice}")
    levels: NDArray[np.uint8] = np.rint(255 * pixels).astype(np.uint8)
    return levels


def _pixels(image: Any, name: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8; floats must be within [0, 1]: protocol and image do not tell what else they may mean."""
    pixels = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    if pixels.ndim != 3 or pixels.shape[0] != 3:
        raise SampleError(f"{name}: expected an image (3, H, W), got {pixels.shape}")
    if pixels.dtype.kind == "f":
        pixels = levels_of(pixels, name)
    elif pixels.dtype != np.uint8:
        raise SampleError(f"{name}: expected an image of uint8 or floats, got {pixels.dtype}")
    return np.ascontiguousarray(pixels.transpose(1, 2, 0).astype(np.uint8))
