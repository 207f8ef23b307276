"""Shapes that were drawn on images in an annotation tool, and the data set that they are, whatever the tool."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from foolscape.class_names import plain
from foolscape.data import fields, files, upright
from foolscape.data.boxes.annotated import CORRECT, AnnotatedImages, Annotation, truth_of
from foolscape.data.class_list import class_file, merged, read_classes
from foolscape.data.files import readable
from foolscape.errors import DataError
from foolscape.spec import Spec
from foolscape.strict import LossNote

Point: TypeAlias = tuple[float, float]
"""x and y in pixels."""


@dataclass(frozen=True)
class Shape:
    """An object as it was drawn.

    Attributes:
        label: its class, as the file calls it.
        corners: x1, y1, x2, y2 in pixels of the upright box around it.
        outlined: whether it was drawn otherwise than as an upright box.
    """

    label: str
    corners: tuple[float, float, float, float]
    outlined: bool = True


@dataclass
class Drawing:
    """An image with what was drawn on it.

    Attributes:
        name: its path, for its id.
        image: where it lies.
        where: what to call it in messages.
        size: (H, W) as the file says.
        shapes: the objects.
        others: how many shapes of each kind are no objects.
        problem: why the image cannot be used; None where it can.
        notes: what was odd.
    """

    name: Path
    image: Path
    where: str
    size: upright.Size = (None, None)
    shapes: list[Shape] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    problem: str | None = None
    notes: tuple[str, ...] = ()


def around(label: str, points: Sequence[Point]) -> Shape:
    """The object within an outline; raises `ValueError` for no points."""
    if not points:
        raise ValueError(f"expected the points of {fields.shown(label)}, got none")
    xs, ys = zip(*points, strict=True)
    whole = all(map(math.isfinite, (*xs, *ys)))
    return Shape(label, (min(xs), min(ys), max(xs), max(ys)) if whole else (math.nan,) * 4)


def box(label: str, corner: Point, other: Point, degrees: float = 0.0, about: Point | None = None) -> Shape:
    """The object in a box between two corners, turned clockwise about a point: its centre, if none is given."""
    (x1, y1), (x2, y2) = corner, other
    if not degrees:
        return Shape(label, (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)), False)
    x, y = about or ((x1 + x2) / 2, (y1 + y2) / 2)
    return around(label, [turned((px, py), (x, y), degrees) for px in (x1, x2) for py in (y1, y2)])


def ellipse(label: str, centre: Point, radii: Point, degrees: float = 0.0) -> Shape:
    """The object in an ellipse whose first radius is turned clockwise from the x axis."""
    (x, y), (rx, ry), angle = centre, radii, math.radians(degrees)
    half_width = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
    half_height = math.hypot(rx * math.sin(angle), ry * math.cos(angle))
    return Shape(label, (x - half_width, y - half_height, x + half_width, y + half_height))


def turned(point: Point, about: Point, degrees: float) -> Point:
    """`point` turned clockwise, as it looks on an image, about another; NaN for an angle that is not finite."""
    angle = math.radians(degrees) if math.isfinite(degrees) else math.nan
    x, y = point[0] - about[0], point[1] - about[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return about[0] + x * cos - y * sin, about[1] + x * sin + y * cos


def label_of(value: object) -> str:
    """The name that a label is; raises `ValueError` for none."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected the name of a class as label, got {fields.shown(value)}")
    return value.strip()


def open_drawings(
    spec: Spec,
    split: str | None,
    drawings: Sequence[Drawing],
    listed: Sequence[str] | None,
    notes: Sequence[str],
    root: Path,
) -> AnnotatedImages:
    """The data set of `drawings`.

    Args:
        spec: its option `classes` names a file of classes, `annotated` what was drawn on images that an EXIF tag turns.
        split: its name.
        drawings: the images, at least one.
        listed: the classes that the tool's file lists; None: those that are used, in the order of the alphabet.
        notes: of the listing.
        root: the folder that `classes` is looked for in.

    Raises:
        SettingError, DataError: a value of `annotated` or a list of classes that makes no sense; no class at all.
    """
    file = class_file(spec, root)
    used = {shape.label for drawing in drawings for shape in drawing.shapes}
    named = list(listed) if listed is not None else sorted(used)
    classes = merged(named)[0] if file is None else read_classes(file)
    if not classes:
        raise DataError(f"{spec.text}: expected objects with classes, got none in {len(drawings)} images; draw some")
    why = "those that are used, in the order of the alphabet; ?classes=FILE for another order, or all of them"
    if file is not None or listed is not None:
        why = f"listed in {file.name}" if file is not None else "listed in the file"
    places = {plain(name): place for place, name in enumerate(classes)}
    ids = files.name_ids([drawing.name for drawing in drawings])
    by_id = dict(zip(ids, drawings, strict=True))
    remarks = (f"{len(classes)} classes, {why}", *notes, *_left_out(drawings), *_odd_images(drawings))
    described = json.dumps(classes)

    def read(sample_id: str) -> Annotation:
        return _annotation(by_id[sample_id], places)

    def decides(sample_id: str) -> Sequence[Path | str]:
        drawing = by_id[sample_id]
        shapes = [(shape.label, shape.corners) for shape in drawing.shapes]
        return described, json.dumps([drawing.size, shapes, drawing.problem])

    images = {name: drawing.image for name, drawing in by_id.items()}
    problems = {name: _unusable(drawing, places) for name, drawing in by_id.items()}
    unusable = {name: why for name, why in problems.items() if why is not None}
    frame = upright.frame_option(spec)
    return AnnotatedImages(spec.text, split, classes, remarks, images, read, decides, frame, unusable)


def _unusable(drawing: Drawing, places: Mapping[str, int]) -> str | None:
    """Why an image cannot be used, in a sentence."""
    strange = [shape.label for shape in drawing.shapes if plain(shape.label) not in places]
    problem = drawing.problem
    if problem is None and strange:
        problem = f"expected labels of the {len(places)} classes, got {fields.shown(strange[0])}"
    return None if problem is None else f"{drawing.where}: {problem}; {CORRECT}"


def _annotation(drawing: Drawing, places: Mapping[str, int]) -> Annotation:
    shapes = [shape for shape in drawing.shapes if plain(shape.label) in places]
    truth = truth_of([shape.corners for shape in shapes], [places[plain(shape.label)] for shape in shapes])
    notes = list(drawing.notes)
    if outlined := sum(shape.outlined for shape in shapes):
        notes.append(f"{outlined} objects are outlines or turned boxes: the upright box around each")
    if again := len(shapes) - len({(shape.label, shape.corners) for shape in shapes}):
        notes.append(f"{again} objects are the same as another (class and box); all count")
    return Annotation(drawing.where, drawing.size, lambda _: truth, tuple(notes))


def _left_out(drawings: Sequence[Drawing]) -> list[str]:
    """What was drawn and is no object, by its kind, with an image that shows it."""
    first: dict[str, str] = {}
    total: Counter[str] = Counter()
    for drawing in drawings:
        total.update(drawing.others)
        for kind in drawing.others:
            first.setdefault(kind, drawing.where)
    return [LossNote(f"{count} x {kind}: no object, left out ({first[kind]})") for kind, count in total.items()]


def _odd_images(drawings: Sequence[Drawing]) -> list[str]:
    """Notes of images that are not there, and of those that are there more than once."""
    by_image = Counter(drawing.image for drawing in drawings)
    notes = []
    if missing := [path for path in by_image if not files.is_there(path)]:
        notes.append(f"{len(missing)} of {len(drawings)} images are not there ({readable(str(missing[0]))})")
    again = [path for path, count in by_image.items() if count > 1]
    if again:
        notes.append(f"{len(again)} images are there more than once, each with its own objects ({again[0].name})")
    return notes


def mask_box(label: str, bits: np.ndarray, corner: Point) -> Shape:
    """The object in a mask (H, W) whose first pixel is at `corner`; raises `ValueError` for an empty one."""
    rows, columns = np.flatnonzero(bits.any(axis=1)), np.flatnonzero(bits.any(axis=0))
    if not len(rows):
        raise ValueError(f"expected a mask of {fields.shown(label)} with pixels, got an empty one")
    x, y = corner
    return Shape(label, (x + int(columns[0]), y + int(rows[0]), x + int(columns[-1]) + 1, y + int(rows[-1]) + 1))
