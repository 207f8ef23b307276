"""The objects of clips: where each is first seen, how large it is there, and how far it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Floats
from foolscape.metrics.score import Score
from foolscape.metrics.slices.objects import RIGHT, Cut, ImageObjects, Places, by_place, share
from foolscape.metrics.video import ClipScores

AT_REST: Final = 0.05
"""Shares of the frame's diagonal: an object whose middle moves by less rests."""

MEAN_J: Final = Score[Floats](
    RIGHT,
    "mean J",
    "Mean J: of the objects one by one, each over the frames that count. Size and place are those where an object is "
    "first seen, of the first, middle and last frame that count. It moves if its middle is at least 5 % of the frame's "
    "diagonal away from there in another of these.",
    share,
)


def clip_cuts(classes: Sequence[str]) -> list[Cut]:
    """The slices of objects of clips by size, place and motion; they are of no class."""
    del classes
    rests = Cut("motion", "at rest", lambda places: _moved(places) < AT_REST)
    return [*by_place(), rests, Cut("motion", "moves", lambda places: _moved(places) >= AT_REST)]


def clip_objects(
    labels_of: Callable[[int], NDArray[np.uint8] | None], frames: Sequence[int], scores: Mapping[str, ClipScores]
) -> ImageObjects | None:
    """The objects that scores are of, in their order, with their mean J under each condition.

    Args:
        labels_of: frame -> its label map (H, W); None where it was not kept.
        frames: rising indices of those that have one.
        scores: of the clip by condition, of the same objects.

    Returns:
        None where maps are missing, or one of the objects is in none of them.
    """
    objects = [one.label for one in next(iter(scores.values())).objects]
    looks = sorted({frames[0], frames[len(frames) // 2], frames[-1]}) if frames else []
    seen: dict[int, list[tuple[Floats, float]]] = {label: [] for label in objects}
    size = (1, 1)
    for frame in (*looks, *(one for one in frames if one not in looks)):
        wanted = objects if frame in looks else [label for label in objects if not seen[label]]
        if not wanted:
            break
        labels = labels_of(frame)
        if labels is None:
            return None
        size = (labels.shape[0], labels.shape[1])
        for label, middle, area in _sightings(labels, wanted):
            seen[label].append((middle, area))
    if not all(seen.values()):
        return None
    firsts = [seen[label][0] for label in objects]
    diagonal = float(np.hypot(*size))
    moved = [_way([middle for middle, _ in seen[label]]) / diagonal for label in objects]
    centres = np.array([middle / np.array([size[1], size[0]]) for middle, _ in firsts]).reshape(-1, 2)
    places = Places(np.array(objects, np.int64), np.array([area for _, area in firsts]), centres, np.array(moved))
    right = {name: np.array([np.mean(one.J) for one in of.objects], np.float64) for name, of in scores.items()}
    return ImageObjects(places, np.ones(len(objects)), right)


def _sightings(labels: NDArray[np.uint8], objects: Sequence[int]) -> Iterable[tuple[int, Floats, float]]:
    """Of those objects that a map shows: the label, the middle (x, y) in pixels, and the area."""
    for label in objects:
        rows, columns = np.nonzero(labels == label)
        if len(rows):
            yield label, np.array([columns.mean() + 0.5, rows.mean() + 0.5]), float(len(rows))


def _way(middles: Sequence[Floats]) -> float:
    """How far the farthest of the middles is from the first; NaN where there is no other."""
    return max((float(np.hypot(*(one - middles[0]))) for one in middles[1:]), default=float("nan"))


def _moved(places: Places) -> Floats:
    return np.full(len(places.labels), np.nan) if places.moved is None else places.moved
