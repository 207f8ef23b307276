"""Instance masks of COCO, checked before pycocotools sees them, and label maps painted from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as codec

from foolscape.data.sample import VOID


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object or crowd.

    Attributes:
        id: for messages.
        category: category id.
        area: in pixels, as the file says.
        box: x, y, width, height in pixels, as the file says.
        crowd: whether it stands for a group that was not told apart.
        shape: polygons, or run lengths (`segmentation` in the file).
    """

    id: object
    category: int
    area: float
    box: tuple[float, float, float, float]
    crowd: bool
    shape: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """An image in the file.

    Attributes:
        file: its name, relative to the image folder.
        height, width: in pixels, as the file says.
        annotations: in the order they are painted: the largest first.
    """

    file: str
    height: int
    width: int
    annotations: tuple[Annotation, ...]


def paint(entry: Entry, values: Mapping[int, int]) -> NDArray[np.uint8]:
    """The label map of `entry`, small objects on top of large ones.

    Args:
        entry: what to paint.
        values: label value of each category id; a category that is not in it is background (0).

    Returns:
        (H, W) uint8, `VOID` where a crowd lies; a crowd of a background category is not painted at all.

    Raises:
        ValueError: an annotation has no usable mask.
    """
    labels = np.zeros((entry.height, entry.width), np.uint8)
    for annotation in entry.annotations:
        value = values.get(annotation.category, 0)
        if value or not annotation.crowd:
            labels[_mask(annotation, entry.height, entry.width)] = VOID if annotation.crowd else value
    return labels


def shows(entry: Entry, values: Mapping[int, int]) -> bool:
    """Whether a pixel of a class (not background, not void) is left when `entry` is painted with `values`.

    Answered from areas and boxes wherever they leave no doubt, since painting 5,000 images takes most of a minute.
    """
    later: list[Annotation] = []
    classes = False
    for annotation in reversed(entry.annotations):
        value = values.get(annotation.category, 0)
        if value and not annotation.crowd:
            covered = sum(min(other.area, _overlap(annotation.box, other.box)) for other in later)
            # Twice and 16: areas and boxes in the file are not exactly those of the masks on the pixel grid.
            if annotation.area > 2 * covered + 16:
                return True
            classes = True
        if value or not annotation.crowd:
            later.append(annotation)
    if not classes:
        return False
    try:
        labels = paint(entry, values)
    except ValueError:
        return True  # listed, so that loading it says what is wrong
    return bool(((labels > 0) & (labels != VOID)).any())


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The area that two boxes (x, y, width, height) share."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _mask(annotation: Annotation, height: int, width: int) -> NDArray[np.bool_]:
    """(H, W) bool; raises `ValueError` for a mask that is missing or does not fit."""
    problem = _problem(annotation.shape, height, width)
    if problem is not None:
        raise ValueError(f"expected polygons or run lengths for annotation {annotation.id}, got {problem}")
    shape = annotation.shape
    if isinstance(shape, list):
        shape = codec.merge(codec.frPyObjects(shape, height, width))
    # Not codec.decode: it makes numpy 2 warn, and hands out unset memory where the runs are too short.
    counts = _run_lengths(shape["counts"])
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def _problem(shape: object, height: int, width: int) -> str | None:
    """What is wrong with a mask, or None; pycocotools itself would read or write beyond its buffers."""
    if isinstance(shape, list):
        return _polygon_problem(shape, 4 * max(height, width))
    if not isinstance(shape, dict) or "counts" not in shape:
        return "no mask"
    if shape.get("size") != [height, width]:
        return f"run lengths of size {shape.get('size')} in an image of {[height, width]}"
    try:
        counts = _run_lengths(shape["counts"])
    except (TypeError, ValueError, IndexError):
        return "damaged run lengths"
    if min(counts, default=0) < 0:
        return "a run length below 0"
    if sum(counts) != height * width:
        return f"run lengths of {sum(counts)} pixels in an image of {height * width}"
    return None


def _polygon_problem(polygons: list[object], limit: float) -> str | None:
    if not polygons:
        return "no mask"
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return "a polygon that is not a list of at least 3 points, x and y in turn"
        if not all(isinstance(number, int | float) and math.isfinite(number) for number in polygon):
            return "a polygon whose coordinates are not finite numbers"
        if max(map(abs, polygon)) > limit:
            return "a polygon far outside the image"
    return None


def _run_lengths(counts: str | bytes | list[int]) -> list[int]:
    """The run lengths in COCO's string form: 5 bits per character, differences to the last but one from the 4th on."""
    if isinstance(counts, list):
        return [int(count) for count in counts]
    characters = counts.encode("ascii") if isinstance(counts, str) else counts
    lengths: list[int] = []
    value = shift = 0
    for character in characters:
        bits = character - 48
        if not 0 <= bits < 64:
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
