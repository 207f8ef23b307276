"""What the values of the masks of a clip mean: labels with 255 for void, or black and white with 255 for the object.

Both are stored alike, and a black-and-white mask that was resized with averaging or went through JPEG holds further
values besides. So it is judged by where the values lie: at an edge between black and white they are its rounding, as an
area of their own they are an object. A palette of colours says that the values are labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import scipy  # its parts when they are asked for: a list of data sets needs none
from numpy.typing import NDArray

from foolscape.data.clips import MOST_OBJECTS, objects_in
from foolscape.data.labels.file import IndexImage
from foolscape.data.sample import VOID
from foolscape.errors import SampleError

Values = NDArray[np.uint8]
Bools = NDArray[np.bool_]

HALF: Final = 128
"""The grey from which on a pixel of a smooth black-and-white mask belongs to the object."""

TWO_NOTE: Final = "mask of 0 and 255 taken for one object"
SMOOTH_NOTE: Final = "black-and-white masks with smooth edges: grey 128 and more is the object"

_MARGIN: Final = 32
"""How far, in levels, black may be from 0 and white from 255, and the grey of either may stray (JPEG)."""
_REACH: Final = 8
"""How far, in pixels, a grey at an edge may be from black and from white: half of what JPEG and blurring spread."""
_FLAT: Final = 8
"""Levels by which the greys around a pixel inside an area differ at most; at an edge they differ by far more."""
_SPECK: Final = 4
"""The largest inside of an area, in pixels, that is still an edge: of a comb or a net whose teeth became one grey."""
_STREWN: Final = 4
"""Specks of one value in a mask that make it noise and no object."""
_STRAY: Final = 0.05
"""The share of greys that may lie apart from the edges; measured on masks made small and large again: up to 0.02."""

_DO: Final = "store labels 1, 2, .. in a palette PNG, or make each pixel 0 or 255"


@dataclass(frozen=True)
class MaskColours:
    """How the masks of a clip look in a viewer.

    Attributes:
        coloured: whether a palette gives a value in use a colour, which says that the values are labels.
        greys: (J, H, W) uint8; None where they are the values themselves.
    """

    coloured: bool = False
    greys: Values | None = None


PLAIN: Final = MaskColours()
"""Of masks without a palette."""


def stacked(masks: Sequence[IndexImage], where: Path | str) -> tuple[Values, MaskColours]:
    """The values of the masks of a clip, (J, H, W), and what they look like; `where` is their file or folder.

    Raises:
        SampleError: 255 in a mask without colours, beside others whose palette makes it void.
    """
    values = np.stack([one.values for one in masks])
    if any(one.grey is None for one in masks):
        if any(not one.colours and (one.values == VOID).any() for one in masks):
            raise SampleError(
                f"{where}: expected masks of one kind, got some with a palette of colours, whose 255 is void, and some "
                f"without one that hold 255, which may be the object; {_DO}"
            )
        return values, MaskColours(coloured=True)
    if all(one.grey is one.values for one in masks):
        return values, PLAIN
    return values, MaskColours(greys=np.stack([one.grey for one in masks if one.grey is not None]))


def labels_of(values: Values, where: Path | str, colours: MaskColours = PLAIN) -> tuple[Values, tuple[str, ...]]:
    """The label maps that the masks of one clip stand for.

    Args:
        values: (J, H, W) uint8, as stored.
        where: their file or folder, for messages.
        colours: how a viewer shows them.

    Returns:
        (J, H, W) uint8: 0 background, labels from 1 on, 255 void; and a note where black and white was taken for one
        object.

    Raises:
        SampleError: masks that may be read in two ways, or in none.
    """
    if colours.coloured:
        return values, ()
    greys = values if colours.greys is None else colours.greys
    if not objects_in(greys):
        return _two_valued(values, greys, where)
    if not (colours.greys is None and _are_labels(values)):
        if _is_smooth(greys) and not (colours.greys is None and _may_be_labels(values)):
            return (greys >= HALF).astype(np.uint8), (SMOOTH_NOTE,)
        _refuse_doubtful(values, where)
    return values, ()


def _two_valued(values: Values, greys: Values, where: Path | str) -> tuple[Values, tuple[str, ...]]:
    """Masks that are shown in black and white alone: one object, whose label stays if it is one."""
    white = greys == VOID
    if (values[~white] > 0).any():
        raise SampleError(
            f"{where}: expected 0 to be black, got a palette in which a higher value is; {_DO}, or turn "
            "the palette round"
        )
    labels = objects_in(values)
    if not white.any() or (len(labels) == 1 and not (values == VOID).any()):
        return values, ()
    return white.astype(np.uint8), (TWO_NOTE,)


def _are_labels(values: Values) -> bool:
    """Whether the values are low ones, each an area of its own, as labels are and the noise of JPEG is not."""
    labels = objects_in(values)
    return labels[-1] <= MOST_OBJECTS and all(_has_area(values, label) for label in labels)


def _may_be_labels(values: Values) -> bool:
    """Whether the values are low ones, and more than the noise of a JPEG that left nearly all as it was."""
    labels = objects_in(values)
    if labels[-1] > MOST_OBJECTS:
        return False
    low = int(np.isin(values, labels).sum())
    return low > _STRAY * int((values == VOID).sum()) or any(_has_area(values, label) for label in labels)


def _has_area(values: Values, label: int) -> bool:
    """Whether somewhere 3 x 3 pixels, or fewer at the border, hold nothing but `label`."""
    return any(bool(_eroded(one == label).any()) for one in values)


def _eroded(which: Bools) -> Bools:
    inside: Bools = scipy.ndimage.minimum_filter(which, 3, mode="nearest")
    return inside


def _is_smooth(greys: Values) -> bool:
    """Whether all is black or white but for the edges between them."""
    counts = np.bincount(greys.ravel(), minlength=256)
    black, white = int(counts[:HALF].argmax()), HALF + int(counts[HALF:].argmax())
    if black > _MARGIN or white < VOID - _MARGIN or not counts[white]:
        return False
    between = stray = 0
    for grey in greys:
        edge_counts = _edges(grey.astype(np.int16), black, white)
        if edge_counts is None:
            return False
        between, stray = between + edge_counts[0], stray + edge_counts[1]
    return stray <= _STRAY * between


def _edges(grey: NDArray[np.int16], black: int, white: int) -> tuple[int, int] | None:
    """How many pixels are not quite black or white, and how many of these lie off edges; None: there is an area."""
    dark, bright = np.abs(grey - black) <= _MARGIN, np.abs(grey - white) <= _MARGIN
    # A row of greys at the border of the image is no area: what would be beside it is cut off.
    spread = scipy.ndimage.maximum_filter(grey, 3, mode="constant", cval=VOID) - scipy.ndimage.minimum_filter(
        grey, 3, mode="constant", cval=0
    )
    middle = ~dark & ~bright
    beside = (np.abs(grey - black) > _FLAT) & (np.abs(grey - white) > _FLAT)
    flat = (middle & (spread <= _FLAT)) | (beside & (spread == 0))
    if flat.any() and int(np.bincount(scipy.ndimage.label(flat)[0].ravel())[1:].max()) > _SPECK:
        return None
    near = _near(dark, _REACH) & _near(bright, _REACH)
    noise = dark & (grey != black)
    stray = flat | (middle & ~near) | (noise & ~_near(bright, 2 * _REACH))
    return int((middle | noise).sum()), int(stray.sum())


def _near(which: Bools, reach: int) -> Bools:
    grown: Bools = scipy.ndimage.maximum_filter(which, 2 * reach + 1, mode="nearest")
    return grown


def _refuse_doubtful(values: Values, where: Path | str) -> None:
    """Raises `SampleError` unless `values` are labels without void, each an object of its own."""
    labels = objects_in(values)
    if len(labels) > MOST_OBJECTS:
        raise SampleError(
            f"{where}: expected masks of 0 and 255, or of at most {MOST_OBJECTS} labels, got {len(labels)} grey values "
            f"besides; make each pixel 0 or 255"
        )
    if (values == VOID).any():
        raise SampleError(
            f"{where}: expected masks of 0 and 255, or of labels, got {_listed(labels)} besides 255, which may be void "
            f"or an object; {_DO}"
        )
    if fringes := tuple(label for label in labels if _is_fringe(values, label)):
        raise SampleError(
            f"{where}: expected labels, each of an object, got {_listed(fringes)} only in specks or between others, "
            f"as in masks that were made smooth or went through JPEG; {_DO}"
        )


def _is_fringe(values: Values, label: int) -> bool:
    """Whether `label` has no area, and is strewn over a mask or lies nearly all between lower and higher ones."""
    total = inside = 0
    for one in (one for one in values if (one == label).any()):
        which = one == label
        if _eroded(which).any():
            return False
        if scipy.ndimage.label(which, np.ones((3, 3)))[1] >= _STREWN:
            return True
        low, high = (
            scipy.ndimage.minimum_filter(one, 3, mode="nearest"),
            scipy.ndimage.maximum_filter(one, 3, mode="nearest"),
        )
        total += int(which.sum())
        inside += int((which & (low < label) & (high > label)).sum())
    return inside >= (1 - _STRAY) * total


def _listed(labels: Sequence[int]) -> str:
    shown = ", ".join(map(str, labels[:5])) + (" .." if len(labels) > 5 else "")
    return f"the value{'s' if len(labels) > 1 else ''} {shown}"
