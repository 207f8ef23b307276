"""Masks of a clip in which each colour is an object: which label a colour stands for.

Tools for annotation export such masks as RGB. Nothing in them says which object is the first, so that labels follow the
order in which colours appear: in the first mask from the top left on, then in the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import scipy  # its parts when they are asked for: a list of data sets needs none
from numpy.typing import NDArray

from foolscape.data.clips import MOST_OBJECTS
from foolscape.data.images import refuse
from foolscape.data.labels.file import IndexImage, read_mask
from foolscape.data.mask_values import labels_of, stacked
from foolscape.data.palette import davis_palette
from foolscape.data.sample import VOID
from foolscape.errors import SampleError

Values = NDArray[np.uint8]

_DO: Final = "store labels 1, 2, .. in a palette PNG"
_BLACK: Final = 0
_VOID: Final = sum(channel << shift for channel, shift in zip(davis_palette()[VOID], (16, 8, 0), strict=True))
"""The colour of void in the palette of PASCAL VOC and DAVIS, #e0e0c0."""


@dataclass
class _Table:
    """The colours that were seen, as numbers 0xRRGGBB, each at the place that stands for it in `places`."""

    keys: list[int] = field(default_factory=list)

    def places(self, colours: Values, path: Path) -> Values:
        """(H, W) the places of the (H, W, 3) `colours`; those that are new are taken in, in the order of pixels."""
        keys = (colours.astype(np.int32) << np.array([16, 8, 0])).sum(axis=2)
        found, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        new = [key for key in found[np.argsort(first)].tolist() if key not in self.keys]
        if len(self.keys) + len(new) > VOID + 1:
            raise _too_many(path, len(found))
        self.keys += new
        table = np.array([self.keys.index(key) for key in found.tolist()], np.uint8)
        return table[inverse].reshape(keys.shape)

    @property
    def grey(self) -> bool:
        """Whether no colour has a tint."""
        return all(key >> 16 == (key >> 8 & 255) == (key & 255) for key in self.keys)


def read_masks(paths: Sequence[Path]) -> tuple[Values, tuple[str, ...]]:
    """The (J, H, W) label maps of the masks of a clip in J >= 1 `paths`, indexed, grey or coloured, and notes.

    Black is background and #e0e0c0 void; every other colour is an object. RGB without a tint is read as grey.

    Raises:
        SampleError: a file cannot be read, sizes differ, masks are of several kinds, more colours than a clip may have
            objects, or colours that are but the blend of two others.
    """
    table = _Table()
    masks: list[IndexImage] = []
    coloured = 0
    for path in paths:
        mask = read_mask(path)
        if not isinstance(mask, IndexImage):
            coloured += 1
            mask = IndexImage(table.places(mask, path), None, colours=True)
        if masks and mask.values.shape != masks[0].values.shape:
            want, got = ("x".join(map(str, one.values.shape)) for one in (masks[0], mask))
            raise SampleError(
                f"{path}: expected a mask of the first one's size {want}, got {got}; use masks of one size"
            )
        masks.append(mask)
    where = paths[0] if len(paths) == 1 else paths[0].parent
    if coloured and coloured < len(masks):
        raise SampleError(
            f"{where}: expected masks of one kind, got {coloured} of {len(masks)} as RGB and the others with a palette "
            f"or as grey; {_DO}"
        )
    if coloured and not table.grey:
        return _labels(np.stack([one.values for one in masks]), table, where)
    if coloured:
        greys = np.array([key & 255 for key in table.keys], np.uint8)
        masks = [IndexImage(grey, grey, colours=False) for grey in (greys[one.values] for one in masks)]
    values, colours = stacked(masks, paths[0].parent)
    return labels_of(values, where, colours)


def _labels(places: Values, table: _Table, where: Path) -> tuple[Values, tuple[str, ...]]:
    """Labels of (J, H, W) `places` in the `table` of colours."""
    objects = [place for place, key in enumerate(table.keys) if key not in (_BLACK, _VOID)]
    if len(objects) > MOST_OBJECTS:
        raise _too_many(where, len(table.keys))
    if blends := [table.keys[place] for place in objects if _is_blend(places, place, table)]:
        raise SampleError(
            f"{where}: expected a colour for each object, got {_listed(blends)} only between two others, as where "
            f"edges were made smooth; {_DO}"
        )
    numbers = np.zeros(len(table.keys), np.uint8)
    numbers[objects] = np.arange(1, len(objects) + 1)
    said = ", ".join(f"#{table.keys[place]:06x} is object {label}" for label, place in enumerate(objects, 1))
    if _VOID in table.keys:
        numbers[table.keys.index(_VOID)] = VOID
        said += f", #{_VOID:06x} void"
    return numbers[places], (f"coloured masks: {said}, in order of appearance",)


def _is_blend(places: Values, place: int, table: _Table) -> bool:
    """Whether a colour fills no 3 x 3 pixels, and its pixels lie among others that it is between, in each channel."""
    rgb = np.array([[key >> shift & 255 for shift in (16, 8, 0)] for key in table.keys], np.uint8)
    total = between = 0
    for one in (one for one in places if (one == place).any()):
        which = one == place
        if scipy.ndimage.minimum_filter(which, 3, mode="nearest").any():
            return False
        inside = which.copy()
        for channel in range(3):
            others = rgb[one, channel]
            low = scipy.ndimage.minimum_filter(np.where(which, 255, others), 3, mode="nearest")
            high = scipy.ndimage.maximum_filter(np.where(which, 0, others), 3, mode="nearest")
            inside &= (low <= rgb[place, channel]) & (rgb[place, channel] <= high)
        total, between = total + int(which.sum()), between + int(inside.sum())
    return 2 * between > total


def _too_many(where: Path, count: int) -> SampleError:
    got = f"an image of mode RGB with {count} colours, more than background, void and {MOST_OBJECTS} objects"
    return refuse(where, "labels as single-channel class indices", got, _DO)


def _listed(keys: Sequence[int]) -> str:
    return ", ".join(f"#{key:06x}" for key in keys[:3]) + (" .." if len(keys) > 3 else "")
