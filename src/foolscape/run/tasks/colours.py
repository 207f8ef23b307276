"""A colour for every class, the same in every picture of a run."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

from foolscape import scenes

Colour = tuple[int, int, int]

_KNOWN: dict[str, Colour] = {
    **dict(zip(scenes.CLASSES, scenes.COLOURS, strict=True)),
    "background": (24, 24, 28),
    "void": (60, 60, 60),
}
_SAME = {"signsymbol": "sign", "pedestrian": "person", "bicyclist": "bicycle", "vegetation": "tree"}
_GOLDEN = 0.618034


def colours(classes: Sequence[str]) -> list[Colour]:
    """One RGB colour per class: the street's own for its classes, and well-spread hues for all others."""
    palette: list[Colour] = []
    for i, name in enumerate(classes):
        key = name.strip().casefold()
        usual = _KNOWN.get(_SAME.get(key, key))
        palette.append(usual if usual is not None and usual not in palette else _spread(i))
    return palette


def _spread(i: int) -> Colour:
    # Steps of the golden ratio keep any number of hues apart; lightness alternates to tell neighbours from each other.
    red, green, blue = colorsys.hls_to_rgb(i * _GOLDEN % 1.0, (0.45, 0.62, 0.35)[i % 3], 0.72)
    return round(255 * red), round(255 * green), round(255 * blue)
