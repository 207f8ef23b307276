"""Instance masks of COCO, checked before pycocotools sees them, and label maps painted from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data.coco_annotations import Annotation
from foolscape.data.coco_records import CocoImage
from foolscape.data.fields import Key, shown
from foolscape.data.images import MAX_PIXELS
from foolscape.data.sample import VOID
from foolscape.extras import extra

_LONGEST_OUTLINE: Final = 5_000_000
"""Pixels: pycocotools takes 40 bytes for each on the way from polygon to mask."""

_MOST_BITS: Final = 60
"""Of a run length; each further character of a damaged one would make all later ones slower."""


def paint(entry: CocoImage, values: Mapping[Key, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The label map of `entry`, small objects on top of large ones: by the pixels of their masks, whatever `area` says.

    Args:
        entry: what to paint; of masks of one size the later one lies on top.
        values: label value of each category id; a category that is not in it is background (0).
        size: (H, W) of the image in the frame of the annotations.

    Returns:
        (H, W) uint8, `VOID` where a crowd lies; a crowd of a background category is not painted at all.

    Raises:
        ValueError: an annotation has no usable mask.
    """
    drawn = []
    for annotation in entry.annotations:
        value = values.get(annotation.category, 0)
        if value or not annotation.crowd:
            drawn.append((runs_of(annotation, size), VOID if annotation.crowd else value))
    labels = np.zeros((size[1], size[0]), np.uint8)  # run lengths go down the columns
    for runs, value in sorted(drawn, key=lambda one: -int(one[0][1::2].sum())):
        labels[np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(labels.shape)] = value
    return np.ascontiguousarray(labels.T)


def shows(entry: CocoImage, values: Mapping[Key, int], size: tuple[int, int] | None) -> bool:
    """Whether a pixel of a class (not background, not void) is left when `entry` is painted with `values`.

    Answered from the outlines wherever they leave no doubt, since painting 5,000 images takes most of a minute. True
    also for what cannot be painted: an image of a `size` that is not known, too large, or with a bad mask. It is
    listed, so that loading it says what is wrong.
    """
    drawn = [item for item in entry.annotations if item.category in values or not item.crowd]
    if entry.problem is not None:
        return True
    if not any(values.get(item.category) and not item.crowd for item in drawn):
        return False
    if size is None or size[0] * size[1] > MAX_PIXELS:
        return True
    outlines = [_outline(item.shape, size) for item in drawn]
    for item, outline in zip(drawn, outlines, strict=True):
        if outline is not None and values.get(item.category) and not item.crowd:
            above = [other for other in outlines if other is not outline and _above(other, outline)]
            covered = sum(math.inf if other is None else other.covers(outline) for other in above)
            # Twice and 16: an outline's area is not exactly that of the mask on the pixel grid.
            if outline.least > 2 * covered + 16:
                return True
    try:
        labels = paint(entry, values, size)
    except ValueError:
        return True
    return bool(((labels > 0) & (labels != VOID)).any())


def runs_of(annotation: Annotation, size: tuple[int, int]) -> NDArray[np.int64]:
    """The run lengths of a mask, off and on in turn, down the columns of an image of `size` (H, W).

    Raises:
        ValueError: the mask is missing or does not fit.
    """
    problem = _problem(annotation.shape, *size)
    if problem is not None:
        raise ValueError(f"expected polygons or run lengths for annotation {annotation.name}, got {problem}")
    shape = annotation.shape
    if isinstance(shape, list):
        with extra("coco"):
            from pycocotools import mask as codec

        shape = codec.merge(codec.frPyObjects(shape, *size))
    # Not codec.decode: it makes numpy 2 warn, and hands out unset memory where the runs are too short.
    return np.array(_run_lengths(shape["counts"]), np.int64)


def extent(annotation: Annotation, size: tuple[int, int]) -> tuple[float, float, float, float] | None:
    """The box (x, y, width, height) of the pixels of a mask; None for a mask without any, or that cannot be used."""
    try:
        runs = runs_of(annotation, size)
    except ValueError:
        return None
    mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[1], size[0])
    columns, rows = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        return None
    x, y = int(columns[0]), int(rows[0])
    return float(x), float(y), float(columns[-1] + 1 - x), float(rows[-1] + 1 - y)


@dataclass(frozen=True, slots=True)
class _Outline:
    """What is known of a mask without painting it: its box x1, y1, x2, y2, and bounds of its area in pixels."""

    box: tuple[float, float, float, float]
    least: float
    most: float

    def covers(self, other: _Outline) -> float:
        """The most that it can hide of `other`."""
        width = min(self.box[2], other.box[2]) - max(self.box[0], other.box[0])
        height = min(self.box[3], other.box[3]) - max(self.box[1], other.box[1])
        return min(self.most, max(width, 0.0) * max(height, 0.0))


def _above(one: _Outline | None, other: _Outline) -> bool:
    """Whether the mask of `one` may lie on that of `other`: it is not larger, as far as is known."""
    return one is None or one.least <= other.most


def _outline(shape: object, size: tuple[int, int]) -> _Outline | None:
    """The outline of a mask; None for one that cannot be used."""
    if _problem(shape, *size) is not None:
        return None
    height, width = size
    if isinstance(shape, dict):
        area = float(sum(_run_lengths(shape["counts"])[1::2]))
        return _Outline((0.0, 0.0, float(width), float(height)), area, area)
    assert isinstance(shape, list)
    parts = [np.array(polygon, np.float64).reshape(-1, 2) for polygon in shape]
    areas = [_areas(part) for part in parts]
    x1, y1 = np.min([part.min(axis=0) for part in parts], axis=0)
    x2, y2 = np.max([part.max(axis=0) for part in parts], axis=0)
    outside = min(x1, y1) < 0 or x2 > width or y2 > height
    least = 0.0 if outside else max(low for low, _ in areas)
    return _Outline((x1 - 1, y1 - 1, x2 + 1, y2 + 1), least, sum(high for _, high in areas))


def _areas(points: NDArray[np.float64]) -> tuple[float, float]:
    """Bounds of the pixels of a polygon, (N, 2), that does not cross itself: its area, and triangles on its centre."""
    x, y = (points - points.mean(axis=0)).T
    next_x, next_y = np.concatenate((x[1:], x[:1])), np.concatenate((y[1:], y[:1]))
    crosses = (x * next_y - y * next_x) / 2
    length = float(np.hypot(next_x - x, next_y - y).sum())
    return abs(float(crosses.sum())) - length / 2, float(np.abs(crosses).sum()) + length / 2


def _problem(shape: object, height: int, width: int) -> str | None:
    """What is wrong with a mask, or None; pycocotools itself would read or write beyond its buffers."""
    if isinstance(shape, list):
        return _polygon_problem(shape, 4 * max(height, width))
    if not isinstance(shape, dict) or "counts" not in shape:
        return "no mask"
    if shape.get("size") != [height, width]:
        return f"run lengths of size {shown(shape.get('size'))} in an image of {[height, width]}"
    try:
        counts = _run_lengths(shape["counts"])
    except (TypeError, ValueError, IndexError, OverflowError):
        return "damaged run lengths"
    if min(counts, default=0) < 0:
        return "a run length below 0"
    if sum(counts) != height * width:
        return f"run lengths of {shown(sum(counts))} pixels in an image of {height * width}"
    return None


def _polygon_problem(polygons: list[object], limit: float) -> str | None:
    if not polygons:
        return "no mask"
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return "a polygon that is not a list of at least 3 points, x and y in turn"
        if not _finite(polygon):
            return "a polygon whose coordinates are not finite numbers"
        if max(map(abs, polygon)) > limit:
            return "a polygon far outside the image"
        if len(polygon) * limit > _LONGEST_OUTLINE and _length(polygon) > _LONGEST_OUTLINE:
            return f"a polygon whose outline is longer than {_LONGEST_OUTLINE:,} pixels"
    return None


def _finite(polygon: list[Any]) -> bool:
    """Whether all are numbers (no truth values, no text) that are finite; an int of 400 digits is not, as a float."""
    try:
        return set(map(type, polygon)) <= {int, float} and all(map(math.isfinite, polygon))
    except OverflowError:
        return False


def _length(polygon: list[float]) -> float:
    """The steps of an outline as pycocotools takes them: along the longer axis."""
    points = np.array(polygon, np.float64).reshape(-1, 2)
    return float(np.abs(np.roll(points, -1, axis=0) - points).max(axis=1).sum())


def _run_lengths(counts: str | bytes | list[int]) -> list[int]:
    """The run lengths in COCO's string form: 5 bits per character, differences to the last but one from the 4th on.

    Raises:
        ValueError: counts that are no whole numbers, a character that stands for nothing, a length beyond any image.
    """
    if isinstance(counts, list):
        return [_count(count) for count in counts]
    characters = counts.encode("ascii") if isinstance(counts, str) else counts
    lengths: list[int] = []
    value = shift = 0
    for character in characters:
        bits = character - 48
        if not 0 <= bits < 64 or shift > _MOST_BITS:
            raise ValueError(character)
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = shift = 0
    return lengths


def _count(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int | float) or not float(count).is_integer():
        raise ValueError(count)
    return int(count)
