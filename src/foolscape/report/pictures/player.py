"""The player of a clip: frames and objects as pictures in the page, for `templates/player.js` to show in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.report.files import Pixels
from foolscape.report.pictures.film import GREY, TRUTH, Film, brought_to, evenly
from foolscape.report.pictures.masks import jpeg_url, outline, tint, tint_url
from foolscape.report.pictures.plots import Plot
from foolscape.report.tables.table import number

FRAMES: Final = 60
"""A clip with more frames is shown in so many of them."""
SIDE: Final = 480
"""Pixels of the longer side of a frame; smaller ones stay as they are."""

_QUALITY: Final = 72
_TITLES: Final = {CLEAN: "clean", ADVERSARIAL: "attacked", TRUTH: "truth"}
"""In the order of the buttons, and of drawing: what is drawn last lies on top."""


@dataclass(frozen=True)
class Frame:
    """One frame as the player holds it.

    Attributes:
        caption: its name, its place in the clip and its scores.
        cursor: where it lies below the plot, in percent of the plot's width.
        photo: address of the JPEG.
        attacked_photo: of the attacked frame; empty where nothing was attacked.
        masks: kind -> address of the picture to lay over it, where there is one.
    """

    caption: str
    cursor: float
    photo: str
    attacked_photo: str
    masks: Mapping[str, str]

    @property
    def size(self) -> int:
        """Characters that it takes in the page."""
        return sum(map(len, (self.photo, self.attacked_photo, *self.masks.values())))


@dataclass(frozen=True)
class Player:
    """What the player of a clip needs.

    Attributes:
        size: (width, height) of its pictures.
        frames: in order.
        masks: (kind, title, whether it is shown at first) of everything that any frame has.
        note: which frames these are, where some are left out; else empty.
    """

    size: tuple[int, int]
    frames: tuple[Frame, ...]
    masks: tuple[tuple[str, str, bool], ...]
    note: str


def player(film: Film, curve: Plot | None, scores: Mapping[str, Mapping[int, float]], room: int) -> Player | None:
    """The player of a clip, or None where not one picture of it was kept.

    Args:
        film: the clip.
        curve: the plot below it; None: there is none.
        scores: condition -> frame -> J&F in percent.
        room: characters that it may take in the page; frames are left out until it fits, but for two.
    """
    height, width = film.view.judged.size
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    indices = evenly(len(film.names), FRAMES) if film.names else []
    cursor: Callable[[int], float] = (lambda _: 0.0) if curve is None else curve.across
    frames = [_frame(film, index, size, cursor(index), scores) for index in indices]
    if not any(frame.size for frame in frames):
        return None
    fitting = _fitting(frames, room)
    kinds = {kind for frame in fitting for kind in frame.masks}
    first = ADVERSARIAL if ADVERSARIAL in kinds else CLEAN
    masks = tuple((kind, title, kind == first) for kind, title in _TITLES.items() if kind in kinds)
    return Player(size, tuple(fitting), masks, _note(len(fitting), len(film.names)))


def _fitting(frames: list[Frame], room: int) -> list[Frame]:
    """The frames, or as many of them, evenly spread, as take no more than `room`."""
    count = len(frames)
    while count > 2 and sum(frames[i].size for i in evenly(len(frames), count)) > room:
        count -= 1
    return [frames[i] for i in evenly(len(frames), count)]


def _frame(
    film: Film, index: int, size: tuple[int, int], cursor: float, scores: Mapping[str, Mapping[int, float]]
) -> Frame:
    masks = {}
    for kind in film.kinds:
        if (labels := film.labels(index, kind)) is not None:
            fitted = brought_to(labels, size, smooth=False)
            masks[kind] = tint_url(outline(fitted) if kind == TRUTH else tint(fitted, film.colours))
    first = index == 0 and film.view.attacked
    return Frame(
        caption=_caption(film, index, scores),
        cursor=cursor,
        photo=_photo(film.photo(index, CLEAN), size, "" if not masks else _blank(size)),
        attacked_photo=_photo(film.photo(index, ADVERSARIAL), size, "") if first else "",
        masks=masks,
    )


def _photo(pixels: Pixels | None, size: tuple[int, int], otherwise: str) -> str:
    return otherwise if pixels is None else jpeg_url(brought_to(pixels, size, smooth=True), _QUALITY)


def _blank(size: tuple[int, int]) -> str:
    """What lies below the masks of a frame that was not kept."""
    return jpeg_url(np.full((*size[::-1], 3), GREY, dtype=np.uint8), _QUALITY)


def _caption(film: Film, index: int, scores: Mapping[str, Mapping[int, float]]) -> str:
    scored = [
        f"{number(scores[kind][index], 0)} {_TITLES[kind]}"
        for kind in (CLEAN, ADVERSARIAL)
        if index in scores.get(kind, {})
    ]
    place = f"frame {film.names[index]}, {index + 1} of {len(film.names)}"
    return f"{place}: J&F {', '.join(scored)}" if scored else place


def _note(shown: int, frames: int) -> str:
    return "" if shown == frames else f"{shown} of the {frames} frames, evenly spread, are in the player."
