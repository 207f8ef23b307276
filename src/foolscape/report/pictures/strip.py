"""The film strip of a clip: some of its frames, and over them what is true and what the tracker made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.report.pictures.film import TRUTH, Film, evenly, painted
from foolscape.report.pictures.gallery import Figure
from foolscape.report.pictures.masks import jpeg_url
from foolscape.report.tables.table import number

FRAMES: Final = 6

_SIDE: Final = 240
"""Pixels of the longer side: six stand side by side on a page."""
_QUALITY: Final = 80
_TITLES: Final = {TRUTH: "truth", CLEAN: "clean", ADVERSARIAL: "attacked"}


@dataclass(frozen=True)
class StripRow:
    """One row: what lies over the frames, and the pictures; none where the run kept no label map of that kind."""

    title: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Strip:
    """The names of the frames, and their rows of pictures."""

    frames: tuple[str, ...]
    rows: tuple[StripRow, ...]


def strip(film: Film, scores: Mapping[str, Mapping[int, float]]) -> Strip:
    """The strip of a clip with at least one frame.

    Args:
        film: the clip.
        scores: condition -> frame -> J&F in percent.
    """
    # Where only some frames have a truth (every fifth of YouTube-VOS), these tell most; the first is what is attacked.
    known = [index for index in range(len(film.names)) if index == 0 or film.has_truth(index)]
    choice = known if len(known) >= FRAMES else list(range(len(film.names)))
    indices = [choice[place] for place in evenly(len(choice), FRAMES)]
    rows = [StripRow(_TITLES[kind], _row(film, kind, indices, scores.get(kind, {}))) for kind in film.kinds]
    return Strip(tuple(film.names[index] for index in indices), tuple(row for row in rows if row.figures))


def _row(film: Film, kind: str, indices: list[int], scores: Mapping[int, float]) -> tuple[Figure, ...]:
    figures = tuple(_figure(film, kind, index, scores.get(index)) for index in indices)
    return figures if any(one.data for one in figures) else ()


def _figure(film: Film, kind: str, index: int, score: float | None) -> Figure:
    caption = "" if score is None else f"J&F {number(score, 0)}"
    labels = film.labels(index, kind)
    if labels is None:
        return Figure(kind, caption, None)
    height, width = film.view.judged.size
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = painted(film.photo(index, kind), labels, film.colours, size)
    return Figure(kind, caption, jpeg_url(pixels, _QUALITY), size)
