"""Panoptic label maps in COCO's form: a JSON file says which class each segment is, a PNG which segment each pixel is.

The id of a pixel's segment is red + 256 green + 65,536 blue; 0 is none. Source: cocodataset.org (format: panoptic
segmentation) and github.com/cocodataset/panopticapi (README.md, sample_data).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foolscape.data import fields
from foolscape.data.fields import Key, shown
from foolscape.data.json_file import read_json
from foolscape.data.labels.file import LabelFile
from foolscape.data.labels.legend import MOST_CLASSES, counted, look_up
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError
from foolscape.strict import LossNote

_CORRECT = "correct the annotation or leave the image out"


@dataclass(frozen=True)
class Segments:
    """The segments of one image; implements `LabelReader`.

    Attributes:
        source: the JSON file, for messages.
        classes: index of the class of each segment by its id, `VOID` for crowds.
        problem: why the image cannot be used, or None.
    """

    source: Path
    classes: Mapping[int, int]
    problem: str | None = None

    def read(self, labels: LabelFile) -> NDArray[np.uint8]:
        """(H, W) the class of each pixel, `VOID` for crowds and where no segment is.

        Raises:
            SampleError: the annotation has a problem, or a pixel belongs to a segment that it does not list.
        """
        if self.problem is not None:
            raise SampleError(f"{labels.path.name} in {self.source}: {self.problem}; {_CORRECT}")
        red, green, blue = np.moveaxis(labels.colours.astype(np.int32), -1, 0)
        pixels = red + (green << 8) + (blue << 16)
        indices, unknown = look_up(pixels, {0: VOID, **self.classes})
        if unknown.any():
            want = f"pixels of the {len(self.classes)} segments that {self.source.name} lists, or 0 for void"
            raise SampleError(f"{labels.path}: expected {want}, got segment {counted(pixels[unknown])}; {_CORRECT}")
        return indices

    def is_black_and_white(self, labels: LabelFile) -> bool:
        """No: segments are never that."""
        del labels
        return False


@dataclass(frozen=True)
class PanopticFile:
    """What a file says.

    Attributes:
        classes: names of the categories, in the order of the file.
        entries: of each image, its file, that of its segments, and those, in the order of the image ids.
        notes: what was left out.
    """

    classes: tuple[str, ...]
    entries: tuple[tuple[Path, Path, Segments], ...]
    notes: tuple[str, ...]


@dataclass
class _Counted:
    """Categories by id, and what is odd or was left out, counted while the file is read."""

    path: Path
    indices: dict[Key, int] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    segments_without_crowd: int = 0


def read_panoptic(path: Path) -> PanopticFile:
    """The annotations in the JSON file `path`.

    An annotation that cannot be used makes its image a failure with the reason.

    Raises:
        DataError: not JSON, another form, a category twice or too many, an image or the annotation of one twice.
    """
    content = read_json(path, "COCO's panoptic form")
    try:
        images, annotations, categories = (
            list(_list(content, name)) for name in ("images", "annotations", "categories")
        )
        counted_in = _Counted(path)
        names = _categories(categories, counted_in)
        files = _images(images, path)
        found = _annotations(annotations, files, counted_in)
    except ValueError as error:
        raise DataError(f"{path}: {error}; use a panoptic_*.json file") from None
    counted_in.lost["images have no annotation and were left out"] += len(files) - len(found)
    if not found:
        raise DataError(f"{path}: expected an image with an annotation, got none of {len(files)}; use another file")
    totals = {"annotations": len(annotations), "images": len(images)}
    notes: tuple[str, ...] = tuple(
        LossNote(f"{count} of {totals[reason.partition(' ')[0]]} {reason}")
        for reason, count in counted_in.lost.items()
        if count
    )
    if counted_in.segments_without_crowd:
        notes += (f"{counted_in.segments_without_crowd} segments do not say whether they are crowds: taken for none",)
    in_order = sorted(found, key=lambda key: (isinstance(key, str), key))
    return PanopticFile(names, tuple((files[key], *found[key]) for key in in_order), notes)


def _list(content: Any, name: str) -> list[Any]:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, list):
        raise ValueError(f"expected a list called {name}, got {shown(value)}")
    return value


def _record(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a record of {what}, got {shown(value)}")
    return value


def _categories(categories: list[Any], into: _Counted) -> tuple[str, ...]:
    names: list[str] = []
    for raw in categories:
        entry = _record(raw, "a category")
        key, name = fields.identity(entry.get("id"), "id"), entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"expected a name of category {shown(key)}, got {shown(name)}")
        if key in into.indices or name in names:
            raise ValueError(f"expected each category once, got {shown(key)} ({shown(name)}) twice")
        into.indices[key] = len(names)
        names.append(name)
    if not 0 < len(names) <= MOST_CLASSES:
        raise ValueError(f"expected 1 to {MOST_CLASSES} categories, got {len(names)}")
    return tuple(names)


def _images(images: list[Any], path: Path) -> dict[Key, Path]:
    """The file of each image by its id."""
    files: dict[Key, Path] = {}
    for raw in images:
        entry = _record(raw, "an image")
        key = fields.identity(entry.get("id"), "id")
        if key in files:
            raise ValueError(f"expected each image id once, got {shown(key)} twice")
        files[key] = fields.inside(entry.get("file_name"), "file_name")
    if len(set(files.values())) < len(files):
        raise ValueError("expected each file_name once, got one twice")
    if not files:
        raise ValueError(f"expected images, got an empty list in {path.name}")
    return files


def _annotations(annotations: list[Any], files: Mapping[Key, Path], into: _Counted) -> dict[Key, tuple[Path, Segments]]:
    """The file of the segments, and these, by the id of the image."""
    found: dict[Key, tuple[Path, Segments]] = {}
    for raw in annotations:
        entry = _record(raw, "an annotation")
        key = fields.identity(entry.get("image_id"), "image_id")
        if key not in files:
            into.lost["annotations belong to no listed image and were left out"] += 1
            continue
        if key in found:
            raise ValueError(f"expected one annotation of each image, got two of image {shown(key)}")
        try:
            file, problem = fields.inside(entry.get("file_name"), "file_name of the annotation"), None
            segments = _segments(entry, into)
        except ValueError as error:
            # The name of the image is one that can be opened; what is wrong is said when it is loaded.
            file, segments, problem = files[key].with_suffix(".png"), {}, str(error)
        found[key] = file, Segments(into.path, segments, problem)
    return found


def _segments(entry: dict[str, Any], into: _Counted) -> dict[int, int]:
    """The class of each segment of an annotation by its id; raises `ValueError`."""
    classes: dict[int, int] = {}
    for raw in _list(entry, "segments_info"):
        segment = _record(raw, "a segment")
        number = fields.whole(segment.get("id"), "id of a segment")
        category = fields.identity(segment.get("category_id"), "category_id")
        if not 0 < number < 1 << 24:
            raise ValueError(f"expected an id of a segment from 1 to 16,777,215, got {shown(segment.get('id'))}")
        if number in classes:
            raise ValueError(f"expected each segment once, got {number} twice")
        if category not in into.indices:
            raise ValueError(f"expected a listed category of segment {number}, got {shown(category)}")
        crowd = fields.truth(segment.get("iscrowd"), "iscrowd")
        into.segments_without_crowd += crowd is None
        classes[number] = VOID if crowd else into.indices[category]
    return classes
