"""The label files of YOLO: an object a line, in shares of the image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from foolscape.data import fields
from foolscape.data.boxes.annotated import CORRECT, Annotation, truth_of
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Floats, Truth
from foolscape.regular import read_text

_FARTHEST: Final = 2.0
"""The largest share that still stands for a box at the border; what is larger are pixels."""


@dataclass(frozen=True)
class LabelLine:
    """One object: the number of its class, its corners x1, y1, x2, y2 in shares, and whether it had more than two."""

    number: int
    corners: tuple[float, float, float, float]
    outlined: bool


def read_labels(path: Path, places: tuple[int, ...], keypoints: int) -> Annotation:
    """The objects in the label file `path`, in its order; a file that is not there is an image without objects.

    Args:
        path: of the file.
        places: the class of each class number.
        keypoints: how many numbers of keypoints follow each box.

    Raises:
        SampleError: it cannot be read, or a line is no object.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise SampleError(f"{path}: expected a label file, got a link to nothing; {CORRECT}") from None
        return Annotation(path, (None, None), lambda _: truth_of([], []))
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise SampleError(f"{path}: expected a label file, got {got}; {CORRECT}") from None
    lines = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                lines.append(_line(line.split(), len(places), keypoints))
            except ValueError as error:
                raise SampleError(f"{path}: line {number}: {error}; {CORRECT}") from None
    corners = np.array([line.corners for line in lines], np.float64).reshape(-1, 4)
    labels = [places[line.number] for line in lines]

    def objects(size: tuple[int, int]) -> Truth:
        height, width = size
        scaled: Floats = corners * np.array([width, height, width, height])
        return truth_of(scaled.tolist(), labels)

    return Annotation(path, (None, None), objects, _notes(lines))


def _notes(lines: list[LabelLine]) -> tuple[str, ...]:
    notes = []
    if outlined := sum(line.outlined for line in lines):
        notes.append(f"{outlined} objects are polygons or turned boxes: the upright box around each")
    if again := len(lines) - len(set(lines)):
        notes.append(f"{again} objects are the same as another (class and box); all count")
    return tuple(notes)


def _line(words: list[str], classes: int, keypoints: int) -> LabelLine:
    """The object that a line stands for; raises `ValueError` for none."""
    number = fields.whole(words[0], "class")
    if not 0 <= number < classes:
        raise ValueError(f"expected a class from 0 to {classes - 1}, got {number}")
    values = [fields.number(word, "coordinate") for word in words[1:]]
    if keypoints and len(values) == 4 + keypoints:
        values = values[:4]
    if far := [value for value in values if math.isfinite(value) and abs(value) > _FARTHEST]:
        raise ValueError(f"expected shares of the image from 0 to 1, got {far[0]:g}, which may be pixels")
    if len(values) == 4:
        x, y, width, height = values
        return LabelLine(number, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), False)
    if len(values) == 5:
        raise ValueError("expected class, x, y, width, height, got one number more: the confidence of a prediction?")
    if keypoints or len(values) < 6 or len(values) % 2:
        points = f"{keypoints} numbers of keypoints behind them" if keypoints else "three or more points x y"
        raise ValueError(f"expected four numbers behind the class, or {points}, got {len(values)}")
    points_xy = np.array(values).reshape(-1, 2)
    (x1, y1), (x2, y2) = points_xy.min(axis=0).tolist(), points_xy.max(axis=0).tolist()
    return LabelLine(number, (x1, y1, x2, y2), True)
