"""`cvat:annotations.xml`: images with the XML that CVAT writes as "CVAT for images 1.1"."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from foolscape.data import fields, files
from foolscape.data.boxes.annotated import AnnotatedImages
from foolscape.data.boxes.drawn import Drawing, Point, Shape, around, box, ellipse, label_of, mask_box, open_drawings
from foolscape.data.images import MAX_PIXELS
from foolscape.data.xml_file import read_xml
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.paths import path_of
from foolscape.regular import MOST_JSON
from foolscape.spec import Spec

_FILE: Final = "annotations.xml"
_NO_OBJECTS: Final = ("polyline", "points", "cuboid", "skeleton", "tag")


def open_cvat(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List the images of `cvat:annotations.xml[?images=DIR&classes=FILE&annotated=stored|upright]`, or of its folder.

    Images lie in `images` beside the file, in a folder of their subset in it, or beside the file. A split is a subset.
    Boxes, polygons, ellipses and masks are objects.

    Raises:
        UnknownNameError: an option or subset that is not there.
        SettingError: a split where there are no subsets.
        DataError: no such file, another format, no image in it or no class.
    """
    spec.only("images", "classes", "annotated")
    path = _file(spec)
    try:
        content = read_xml(path, MOST_JSON)
    except SampleError as error:
        raise DataError(str(error)) from None
    elements = [one for one in content if one.tag == "image"]
    if content.tag != "annotations" or not elements:
        tracks = sum(one.tag == "track" for one in content)
        got = f"{tracks} tracks of a video" if tracks else f"<{content.tag}> without images"
        do = 'export it as "CVAT for images 1.1"'
        raise DataError(f"{path}: expected the images of CVAT's XML, got {got}; {do}")
    subsets = list(dict.fromkeys(one.get("subset", "") for one in elements))
    if subsets == [""]:
        if split is not None:
            raise SettingError(f"{spec.text}: expected no split, as there are no subsets, got {split!r}; leave it out")
    else:
        split = files.likely_split(spec, split, [name or "default" for name in subsets], "val")
        elements = [one for one in elements if (one.get("subset") or "default") == split]
    folders = _folders(spec, path, split)
    drawings = [_drawing(path, number, one, folders) for number, one in enumerate(elements)]
    notes = (f"{len(drawings)} images of {path.name}",)
    return open_drawings(spec, split, drawings, _labels(content), notes, path.parent)


def _file(spec: Spec) -> Path:
    if spec.rest.strip() and files.is_there(path_of(spec.rest)):
        return path_of(spec.rest)
    path = files.directory(spec) / _FILE
    if not files.is_there(path):
        raise DataError(f"{spec.text}: expected {_FILE} in {path.parent}, got no such file; name it, cvat:FILE")
    return path


def _folders(spec: Spec, path: Path, split: str | None) -> list[Path]:
    """Where images may lie, by likelihood."""
    if "images" in spec.options:
        chosen = path_of(spec.options["images"])
        bases = [path.parent / chosen, chosen]
    else:
        bases = [path.parent / "images", path.parent]
    return [base / inner for base in bases for inner in (split or ".", ".")]


def _labels(content: Element) -> list[str] | None:
    """The classes that the file lists, without the parts of skeletons; None where it lists none."""
    meta = content.find("meta")
    labels = [] if meta is None else [one for one in meta.iter("label") if not (one.findtext("parent") or "").strip()]
    names = [(one.findtext("name") or "").strip() for one in labels]
    return [name for name in names if name] or None


def _drawing(path: Path, number: int, element: Element, folders: list[Path]) -> Drawing:
    """An image with its objects; what makes no sense is its problem."""
    name = Path(f"image {number}")
    try:
        name = fields.inside(element.get("name"), "name")
        size = fields.side(element.get("height"), "height"), fields.side(element.get("width"), "width")
        places = [folder / name for folder in folders]
        image = next((place for place in places if files.is_there(place)), places[0])
        drawing = Drawing(name, image, f"{name} in {path}", size)
        for place, shape in enumerate(element):
            _take(drawing, place, shape)
    except ValueError as error:
        return Drawing(name, folders[0] / name, f"{files.readable(str(name))} in {path}", problem=str(error))
    return drawing


def _take(drawing: Drawing, place: int, element: Element) -> None:
    """Add the object that an element is, or count it."""
    kind = str(element.tag)
    try:
        hidden = fields.truth(element.get("outside"), "outside")
        if kind in _NO_OBJECTS or hidden:
            drawing.others["outside of the image" if hidden else kind] += 1
        else:
            drawing.shapes.append(_shape(kind, element))
    except ValueError as error:
        raise ValueError(f"element {place}, {kind}: {error}") from None


def _shape(kind: str, element: Element) -> Shape:
    label = label_of(element.get("label"))
    degrees = fields.number(element.get("rotation", "0"), "rotation")
    if kind == "box":
        x1, y1, x2, y2 = _numbers(element, ("xtl", "ytl", "xbr", "ybr"))
        return box(label, (x1, y1), (x2, y2), degrees)
    if kind == "ellipse":
        x, y, rx, ry = _numbers(element, ("cx", "cy", "rx", "ry"))
        return ellipse(label, (x, y), (rx, ry), degrees)
    if kind == "polygon":
        points = [_point(one) for one in (element.get("points") or "").split(";")]
        if len(points) < 3:
            raise ValueError(f"expected three points or more, got {len(points)}")
        return around(label, points)
    if kind == "mask":
        return _mask(label, element)
    raise ValueError("expected a box, polygon, ellipse or mask, or what CVAT has besides")


def _numbers(element: Element, names: Iterable[str]) -> list[float]:
    return [fields.number(element.get(name), name) for name in names]


def _point(text: str) -> Point:
    x, _, y = text.partition(",")
    return fields.number(x, "x of a point"), fields.number(y, "y of a point")


def _mask(label: str, element: Element) -> Shape:
    """The pixels of a mask: lengths of runs, off and on in turn, along the rows of its box."""
    left, top, width, height = (fields.whole(element.get(name), name) for name in ("left", "top", "width", "height"))
    runs = [fields.whole(one, "rle") for one in (element.get("rle") or "").split(",")]
    if not (0 < width <= MAX_PIXELS and 0 < height <= MAX_PIXELS and width * height <= MAX_PIXELS):
        raise ValueError(f"expected a mask of at most {MAX_PIXELS:,} pixels, got {width}x{height}")
    if min(runs) < 0 or sum(runs) != width * height:
        raise ValueError(f"expected run lengths of {width * height} pixels, got {sum(runs)}")
    bits = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(height, width)
    return mask_box(label, bits, (left, top))
