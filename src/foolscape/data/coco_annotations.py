"""The annotations of a COCO file and the names of its categories, each field with one meaning."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from foolscape.data import fields
from foolscape.data.fields import Key, shown
from foolscape.errors import DataError

Box: TypeAlias = tuple[float, float, float, float]
"""x, y, width, height in pixels."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One object or crowd.

    Attributes:
        name: its id in the file, for messages.
        category: category id.
        area: in pixels, as the file says; NaN where it says none above 0.
        box: as the file says; None where there are no four numbers.
        crowd: whether it stands for a group that was not told apart.
        shape: polygons, or run lengths (`segmentation` in the file).
    """

    name: str
    category: Key
    area: float
    box: Box | None
    crowd: bool
    shape: Any


@dataclass(frozen=True)
class Sorted:
    """The annotations of a file by the id of their image, and what is wrong with those that cannot be read.

    `used` are the ids of their categories, each of which has one name.
    """

    good: Mapping[Key, Sequence[Annotation]]
    bad: Mapping[Key, Sequence[str]]
    used: frozenset[Key]


def names_of(raws: list[Any], notes: Counter[str]) -> dict[Key, list[object]]:
    """The names that the file gives each category id, each once."""
    names: dict[Key, list[object]] = {}
    for raw in raws:
        try:
            key = fields.identity(raw.get("id"), "id")
        except (ValueError, AttributeError):
            notes["categories have no usable id and are left out"] += 1
            continue
        own_names = names.setdefault(key, [])
        if raw.get("name") not in own_names:
            own_names.append(raw.get("name"))
        else:
            notes["categories are listed again"] += 1
    return names


def name_of(own_names: Sequence[object]) -> str | None:
    """The one name of a category; None where it has none that is a text, or several."""
    name = own_names[0] if len(own_names) == 1 else None
    return name.strip() or None if isinstance(name, str) else None


def _check_category(path: Path, key: Key, where: str, names: Mapping[Key, list[object]]) -> None:
    """Raises `DataError` for a category that an annotation has and that is not listed with one name."""
    where = f"category {shown(key)} in annotation {where}"
    own_names = names.get(key, [])
    if not own_names:
        raise DataError(f"{path}: expected every category in its list 'categories', got {where}, which is not there")
    if len(own_names) > 1:
        got = f"{' and '.join(map(shown, own_names))} for {where}"
        raise DataError(f"{path}: expected one name for each category id, got {got}; correct the file")
    if name_of(own_names) is None:
        do = "name it or leave its annotations out"
        raise DataError(f"{path}: expected a text as name of each category, got {shown(own_names[0])} ({where}); {do}")


def read_annotations(path: Path, raws: list[Any], names: Mapping[Key, list[object]], notes: Counter[str]) -> Sorted:
    """The annotations `raws` of the file `path`; raises `DataError` for a category without one name."""
    good: defaultdict[Key, list[Annotation]] = defaultdict(list)
    bad: defaultdict[Key, list[str]] = defaultdict(list)
    used: set[Key] = set()
    for raw in raws:
        try:
            image = fields.identity(raw.get("image_id"), "image_id")
        except (ValueError, AttributeError):
            notes["annotations have no usable image_id and count nowhere"] += 1
            continue
        _note_text(raw, notes)
        name = shown(raw.get("id"))
        try:
            annotation = _annotation(raw, name, notes)
        except ValueError as error:
            bad[image].append(f"annotation {name}: {error}")
            continue
        if annotation.category not in used:
            _check_category(path, annotation.category, name, names)
            used.add(annotation.category)
        good[image].append(annotation)
    return Sorted(good, bad, frozenset(used))


def _note_text(raw: dict[str, Any], notes: Counter[str]) -> None:
    """Counts fields that hold text where COCO has numbers."""
    if str in map(type, raw.values()):
        for name in ("image_id", "category_id", "iscrowd", "area"):
            if isinstance(raw.get(name), str):
                notes[f"annotations give {name} as text"] += 1
    box = raw.get("bbox")
    if isinstance(box, list) and str in map(type, box):
        notes["annotations give bbox as text"] += 1


def _annotation(raw: dict[str, Any], name: str, notes: Counter[str]) -> Annotation:
    """Raises `ValueError` where the category or `iscrowd` has no meaning; they decide what the object is."""
    category = fields.identity(raw.get("category_id"), "category_id")
    crowd = fields.truth(raw.get("iscrowd"), "iscrowd")
    if crowd is None:
        notes["annotations do not say iscrowd: taken for single objects"] += 1
    area, box = _area(raw.get("area")), _box(raw.get("bbox"))
    if math.isnan(area):
        notes["annotations have no usable area (a number above 0): computed"] += 1
    if box is None:
        notes["annotations have no bbox of four numbers: that of the mask is taken"] += 1
    return Annotation(name, category, area, box, bool(crowd), _shape(raw.get("segmentation")))


def _area(value: object) -> float:
    try:
        area = fields.number(value, "area")
    except ValueError:
        return math.nan
    return area if 0 < area < math.inf else math.nan


def _box(value: object) -> Box | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    try:
        x, y, width, height = (fields.number(one, "bbox") for one in value)
    except ValueError:
        return None
    return x, y, width, height


def repeated(annotations: Sequence[Annotation]) -> int:
    """How many of an image's `annotations` repeat an earlier one."""
    shapes: defaultdict[object, list[object]] = defaultdict(list)
    again = 0
    for item in annotations:
        others = shapes[item.category, item.crowd, item.box]
        if item.shape in others:
            again += 1
        else:
            others.append(item.shape)
    return again


def without_id(raws: Iterable[Any]) -> int:
    """How many annotations have no id, or that of an earlier one."""
    known: set[Key] = set()
    without = 0
    for raw in raws:
        try:
            key = fields.identity(raw.get("id"), "id")
        except (ValueError, AttributeError):
            without += 1
            continue
        without += key in known
        known.add(key)
    return without


def _shape(value: object) -> object:
    """The mask as it is written, or None where it is nested deeper than any is, which no function could follow."""
    deep = isinstance(value, list | dict) and any(
        isinstance(part, list | dict) and not {list, dict}.isdisjoint(map(type, part))
        for part in (value.values() if isinstance(value, dict) else value)
    )
    return None if deep else value
