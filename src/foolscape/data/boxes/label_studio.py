"""`label-studio:export.json`: images with the JSON that Label Studio exports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from foolscape.data import fields, files
from foolscape.data.boxes.annotated import AnnotatedImages
from foolscape.data.boxes.drawn import Drawing, Shape, around, box, ellipse, label_of, open_drawings
from foolscape.data.json_file import read_json
from foolscape.data.labels.published import left_out
from foolscape.errors import DataError, SettingError
from foolscape.paths import path_of
from foolscape.spec import Spec

_OBJECTS: Final = ("rectanglelabels", "polygonlabels", "ellipselabels", "labels")
"""Types of results that are objects; "labels" are those of a <Labels> tag, of any shape."""
_BARE: Final = ("rectangle", "polygon", "ellipse")
"""Types that come beside a result "labels" with the same id."""
_HASH: Final = re.compile(r"[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that was uploaded."""


def open_label_studio(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List the tasks of `label-studio:export.json[?images=DIR&classes=FILE&annotated=stored|upright]`.

    Images are looked for in the folder `images`, by default `images` beside the file or its own folder, by their path,
    by their name, and by it without what an upload puts before it. Rectangles, polygons and ellipses are objects.

    Raises:
        UnknownNameError: an option that does not exist.
        SettingError: a split, of which there are none, or no file named.
        DataError: no such file, another format, no task with annotations or no class.
    """
    spec.only("images", "classes", "annotated")
    if split is not None:
        raise SettingError(f"{spec.text}: expected no split, as an export has none, got {split!r}; leave it out")
    path = path_of(spec.rest)
    if not spec.rest.strip() or not files.is_there(path):
        raise DataError(f"{spec.text}: expected a file, label-studio:export.json, got none at {path}; check the path")
    tasks = read_json(path, "tasks of Label Studio")
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) and "data" in task for task in tasks):
        raise DataError(
            f"{path}: expected Label Studio's list of tasks with data and annotations, got {fields.shown(tasks)}; "
            "export it as JSON, not as JSON-MIN"
        )
    folders = _folders(spec, path)
    drawings, bare = [], []
    for number, task in enumerate(tasks):
        drawing = _drawing(path, number, task, folders)
        if drawing is None:
            bare.append(f"task {fields.shown(task.get('id'))}")
        else:
            drawings.append(drawing)
    if not drawings:
        raise DataError(f"{path}: expected tasks with annotations, got none among {len(tasks)}; export labelled ones")
    notes = (f"{len(drawings)} tasks of {path.name}", *left_out(bare, "tasks have no annotation"))
    return open_drawings(spec, None, drawings, None, notes, path.parent)


def _folders(spec: Spec, path: Path) -> list[Path]:
    if "images" in spec.options:
        chosen = path_of(spec.options["images"])
        return [path.parent / chosen, chosen]
    return [path.parent / "images", path.parent]


def _drawing(path: Path, number: int, task: Mapping[str, Any], folders: list[Path]) -> Drawing | None:
    """The image of a task with its objects, what makes no sense being its problem; None where nobody annotated it."""
    where = f"task {fields.shown(task.get('id'))} in {path}"
    name = Path(f"task {number}")
    try:
        results = _results(task)
        if results is None:
            return None
        name = _name(task["data"])
        drawing = Drawing(name, _image(name, folders), where)
        shapes = [one for one in results if one.get("type") in (*_OBJECTS, *_BARE)]
        named = {str(one.get("id")) for one in shapes if one.get("type") not in _BARE}
        for place, one in enumerate(results):
            _take(drawing, place, one, named)
    except ValueError as error:
        return Drawing(name, folders[0] / name, where, problem=str(error))
    return drawing


def _results(task: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """What was drawn: the results of the one annotation of a task; raises `ValueError` where several may be meant."""
    annotations = task.get("annotations", task.get("completions", []))
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise ValueError(f"expected a list of annotations, got {fields.shown(annotations)}")
    done = [one for one in annotations if not fields.truth(one.get("was_cancelled"), "was_cancelled")]
    true = [one for one in done if fields.truth(one.get("ground_truth"), "ground_truth")]
    chosen = true if len(true) == 1 else done
    if len(chosen) > 1:
        raise ValueError(f"expected one annotation, or one that is marked as ground truth, got {len(chosen)}")
    if not chosen:
        return None
    results = chosen[0].get("result")
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise ValueError(f"expected a list of results, got {fields.shown(results)}")
    return results


def _name(data: object) -> Path:
    """The path of the image that a task shows."""
    values = data if isinstance(data, dict) else {}
    texts = [value for value in values.values() if isinstance(value, str) and _is_image(value)]
    if isinstance(values.get("image"), str):
        texts = [values["image"]]
    if len(texts) != 1:
        raise ValueError(f"expected the path of one image in data, got {fields.shown(data)}")
    return _path(texts[0])


def _is_image(text: str) -> bool:
    try:
        return _path(text).suffix.lower() in files.IMAGE_EXTENSIONS
    except ValueError:
        return False


def _path(text: str) -> Path:
    """The path in a URL, or in what stands behind ?d= of local files, without where the server keeps its uploads."""
    parts = urlsplit(text.replace("\\", "/"))
    local = parse_qs(parts.query).get("d", [""])[0]
    path = local or unquote(parts.path)
    return fields.inside(path.removeprefix("/data/upload/").lstrip("/"), "image")


def _image(name: Path, folders: Iterable[Path]) -> Path:
    without = _HASH.sub("", name.name, count=1) if _HASH.match(name.name) else name.name
    places = [folder / inner for folder in folders for inner in dict.fromkeys((name, Path(name.name), Path(without)))]
    return next((place for place in places if files.is_there(place)), places[0])


def _take(drawing: Drawing, place: int, result: Mapping[str, Any], named: set[str]) -> None:
    """Add the objects that a result is, or count it."""
    kind = result.get("type")
    if kind in _BARE and str(result.get("id")) in named:
        return  # the same region stands there once more, with its label
    if kind not in _OBJECTS:
        drawing.others[f"{kind} without a label" if kind in _BARE else fields.shown(kind)] += 1
        return
    try:
        size = _size(result)
        if drawing.size not in ((None, None), size):
            raise ValueError(f"expected one size for all results, got {drawing.size} and {size}")
        drawing.size = size
        value = result.get("value")
        if not isinstance(value, dict):
            raise ValueError(f"expected a record as value, got {fields.shown(value)}")
        labels = value.get(str(kind), value.get("labels"))
        if not isinstance(labels, list) or not labels:
            drawing.others[f"{kind} without a label"] += 1
            return
        drawing.shapes += [_shape(label_of(label), value, size) for label in labels]
    except ValueError as error:
        raise ValueError(f"result {place}: {error}") from None


def _size(result: Mapping[str, Any]) -> tuple[int, int]:
    height = fields.side(result.get("original_height"), "original_height")
    width = fields.side(result.get("original_width"), "original_width")
    if height is None or width is None:
        raise ValueError("expected original_width and original_height, as shapes are in percent, got none")
    if turn := fields.number(result.get("image_rotation") or 0, "image_rotation"):
        raise ValueError(f"expected an image that was not turned in the tool, got image_rotation {turn:g}")
    return height, width


def _shape(label: str, value: Mapping[str, Any], size: tuple[int, int]) -> Shape:
    """The object of a region, which is in percent of the image; a rectangle is turned about its first corner."""
    height, width = (side / 100 for side in size)
    degrees = fields.number(value.get("rotation") or 0, "rotation")
    if "points" in value:
        points = value["points"]
        if not isinstance(points, list) or len(points) < 3:
            raise ValueError(f"expected three points or more, got {fields.shown(points)}")
        if not all(isinstance(one, list) and len(one) == 2 for one in points):
            raise ValueError(f"expected points x, y, got {fields.shown(points)}")
        return around(label, [(fields.number(x, "x") * width, fields.number(y, "y") * height) for x, y in points])
    x, y = fields.number(value.get("x"), "x") * width, fields.number(value.get("y"), "y") * height
    if "radiusX" in value:
        radii = (
            fields.number(value["radiusX"], "radiusX") * width,
            fields.number(value.get("radiusY"), "radiusY") * height,
        )
        return ellipse(label, (x, y), radii, degrees)
    wide, high = (
        fields.number(value.get("width"), "width") * width,
        fields.number(value.get("height"), "height") * height,
    )
    return box(label, (x, y), (x + wide, y + high), degrees, (x, y))
