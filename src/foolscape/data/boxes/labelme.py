"""`labelme:DIR`: images with the JSON of labelme, a file an image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foolscape.data import fields, files
from foolscape.data.boxes.annotated import AnnotatedImages
from foolscape.data.boxes.drawn import Drawing, Point, Shape, around, box, ellipse, label_of, open_drawings
from foolscape.data.coco_index import outside_option
from foolscape.data.files import readable
from foolscape.data.json_file import read_json
from foolscape.data.labels.published import left_out, names_below
from foolscape.data.walking import walk
from foolscape.errors import DataError
from foolscape.paths import normal, path_of
from foolscape.spec import Spec

_NO_OBJECTS: Final = ("point", "points", "line", "linestrip")
"""Kinds of shapes without an area."""


@dataclass(frozen=True)
class _Places:
    """Where images may lie.

    Attributes:
        root: the folder of the set.
        outside: whether they may lie outside of it.
        images: the folder of images; None where there is none.
    """

    root: Path
    outside: bool
    images: Path | None

    def image(self, path: Path, written: Path) -> Path:
        """Where an image lies: as its JSON `path` says, by its name beside it, or in the folder of images."""
        places = [path.parent / written.name]
        if len(written.parts) > 1:
            said = normal(path.parent / written)
            if self.outside or said.is_relative_to(normal(self.root)):
                places.insert(0, said)
        if self.images is not None:
            places.insert(0, self.images / written.name)
        return next((place for place in places if files.is_there(place)), places[0])


def _images_option(spec: Spec, root: Path) -> Path | None:
    if "images" not in spec.options:
        return None
    chosen = path_of(spec.options["images"])
    return root / chosen if files.is_folder(root / chosen) else chosen


def open_labelme(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List `labelme:DIR[?images=DIR&classes=FILE&outside=yes&annotated=stored|upright]`, or the folder `split` of DIR.

    An image lies where its JSON says, if that is in DIR or `outside` allows it, else beside it by its name, or in the
    folder `images`. Rectangles, polygons, circles and masks are objects; those of one class with one group_id are parts
    of one.

    Raises:
        UnknownNameError: an option or a folder that is not there.
        DataError: no such folder, no JSON of labelme, or no object.
    """
    spec.only("images", "classes", "annotated", "outside")
    root = files.directory(spec)
    folder = root
    if split is not None:
        below = sorted(path.name for path in root.iterdir() if files.is_folder(path))
        folder = root / files.pick_split(spec, split, below, split)
    places = _Places(root, outside_option(spec), _images_option(spec, root))
    drawings, others = [], []
    for name in sorted(name for name in names_below(folder) if name.lower().endswith(".json")):
        content, problem = _content(folder / name)
        if problem is None and not (isinstance(content, dict) and "shapes" in content):
            others.append(name)
        else:
            drawings.append(_drawing(folder, Path(name), content, problem, places))
    if not drawings:
        got = f"{len(others)} others" if others else "no JSON"
        raise DataError(
            f"{spec.text}: expected JSON of labelme, with shapes, below {folder}, got {got}; check the path"
        )
    known = {drawing.image for drawing in drawings}
    bare = [str(path) for path in walk(folder, recursive=True).images if folder / path not in known]
    notes = (
        f"{len(drawings)} files of labelme",
        *left_out(others, "JSON files are none of labelme"),
        *left_out(bare, "images have no JSON"),
    )
    return open_drawings(spec, split, drawings, None, notes, root)


def _content(path: Path) -> tuple[Any, str | None]:
    """What is in a JSON file, or what is wrong with it."""
    try:
        return read_json(path, "shapes of labelme"), None
    except DataError as error:
        return None, str(error).removeprefix(f"{path}: ")


def _drawing(folder: Path, name: Path, content: Any, problem: str | None, places: _Places) -> Drawing:
    """The image of one file with its objects; what makes no sense is its problem."""
    where = readable(str(folder / name))
    if problem is not None:
        return Drawing(name, _beside(folder / name), where, problem=problem)
    try:
        image = places.image(folder / name, fields.inside(content.get("imagePath"), "imagePath", outside=True))
        size = (
            fields.side(content.get("imageHeight"), "imageHeight"),
            fields.side(content.get("imageWidth"), "imageWidth"),
        )
        drawing = Drawing(name, image, where, size)
        _draw(drawing, content["shapes"])
    except ValueError as error:
        return Drawing(name, _beside(folder / name), where, problem=str(error))
    return drawing


def _beside(path: Path) -> Path:
    """The image that lies beside its JSON."""
    found, _ = files.by_stem(path.parent, files.IMAGE_EXTENSIONS, ".jpg")
    return found.get(path.stem, path.with_suffix(".jpg"))


def _draw(drawing: Drawing, shapes: object) -> None:
    """Take the objects among the `shapes`, and count the others."""
    if not isinstance(shapes, list):
        raise ValueError(f"expected a list of shapes, got {fields.shown(shapes)}")
    parts: dict[tuple[str, str], list[Shape]] = {}
    for number, raw in enumerate(shapes):
        if not isinstance(raw, dict):
            raise ValueError(f"expected a record as shape {number}, got {fields.shown(raw)}")
        kind = raw.get("shape_type") or "polygon"
        if kind in _NO_OBJECTS:
            drawing.others[str(kind)] += 1
            continue
        try:
            shape = _shape(raw, kind)
        except ValueError as error:
            raise ValueError(f"shape {number}: {error}") from None
        group = raw.get("group_id")
        key = str(number) if group is None else f"group {json.dumps(group, default=str)}"
        parts.setdefault((shape.label, key), []).append(shape)
    joined = [those for those in parts.values() if len(those) > 1]
    if joined:
        drawing.notes = (f"{sum(map(len, joined))} shapes are parts of {len(joined)} objects (group_id)",)
    drawing.shapes = [_joined(those) for those in parts.values()]


def _joined(parts: list[Shape]) -> Shape:
    if len(parts) == 1:
        return parts[0]
    corners = [part.corners for part in parts]
    return around(parts[0].label, [point for x1, y1, x2, y2 in corners for point in ((x1, y1), (x2, y2))])


def _shape(raw: Mapping[str, Any], kind: object) -> Shape:
    """The object that a shape is; raises `ValueError` for none."""
    label, points = label_of(raw.get("label")), _points(raw.get("points"))
    if kind in ("rectangle", "mask") and len(points) == 2:
        (x1, y1), (x2, y2) = points
        if kind == "mask":  # its points are the first and the last pixel
            return Shape(label, (x1, y1, x2 + 1, y2 + 1))
        return box(label, points[0], points[1])
    if kind == "circle" and len(points) == 2:
        (x, y), (other_x, other_y) = points
        radius = ((other_x - x) ** 2 + (other_y - y) ** 2) ** 0.5
        return ellipse(label, (x, y), (radius, radius))
    if (kind == "polygon" and len(points) > 2) or (kind in ("rectangle", "rotation") and len(points) == 4):
        return around(label, points)
    known = "a rectangle, circle or mask of two points, or a polygon of three or more"
    raise ValueError(f"expected {known}, got {fields.shown(kind)} of {len(points)}")


def _points(value: object) -> list[Point]:
    if not isinstance(value, list) or not all(isinstance(one, list) and len(one) == 2 for one in value):
        raise ValueError(f"expected points x, y, got {fields.shown(value)}")
    return [(fields.number(x, "x"), fields.number(y, "y")) for x, y in value]
