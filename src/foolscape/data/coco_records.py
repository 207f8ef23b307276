"""The records of a COCO annotation file: images, categories and annotations, each field with one meaning.

Written by many tools, these files hold ids as text, sizes of -1, areas of 0, truth values as words. What has a meaning
is taken; what touches nothing but one image makes that image a failure with its reason. Both are counted and said.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from foolscape.data import fields
from foolscape.data.fields import Key, shown
from foolscape.errors import DataError
from foolscape.strict import Loss

T = TypeVar("T")

_LOST: Final = ("count nowhere", "left out")
"""How remarks end that tell of something that was left out."""

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


@dataclass(frozen=True, slots=True)
class Entry:
    """An image in the file.

    Attributes:
        name: what it is called where it has no usable file name.
        file: relative to the image folder; empty if it has no usable name.
        height, width: in pixels, as the file says; None where that is not known.
        annotations: in the order of the file.
        problem: why the image cannot be used, or None.
    """

    name: str
    file: Path
    height: int | None
    width: int | None
    annotations: tuple[Annotation, ...]
    problem: str | None


@dataclass(frozen=True)
class Records:
    """What is in a file.

    Attributes:
        entries: its images in the order of their ids.
        categories: name of each category id that an annotation uses, one of those that are known.
        notes: what was odd in it, counted.
    """

    entries: tuple[Entry, ...]
    categories: Mapping[Key, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Sorted:
    """The annotations of a file by the id of their image, and what is wrong with those that cannot be read."""

    good: Mapping[Key, Sequence[Annotation]]
    bad: Mapping[Key, Sequence[str]]
    categories: Mapping[Key, str]


def read_records(path: Path, content: Any, known: Collection[str], *, outside: bool = False) -> Records:
    """The records in `content`, the JSON of `path`.

    Args:
        path: for messages.
        content: what was read.
        known: the names that a category may have.
        outside: whether images may lie outside the image folder.

    Raises:
        DataError: no images, an image id twice, a category that is not listed, listed with two names, or not known.
        KeyError, TypeError, AttributeError: another form.
    """
    said: Counter[str] = Counter()
    names = _names(_records(content, "categories"), said)
    raws = _records(content, "annotations")
    found = _annotations(path, raws, names, known, said)
    images = _records(content, "images")
    if not images:
        raise DataError(f"{path}: expected images, got an empty list; use another annotation file")
    entries: dict[Key, Entry] = {}
    for number, raw in enumerate(images):
        key, entry = _entry(raw, number, found, said, outside)
        if key in entries:
            raise DataError(f"{path}: expected each image id once, got {shown(key)} twice; correct the file")
        entries[key] = entry
    strays = sum(len(those) for of in (found.good, found.bad) for key, those in of.items() if key not in entries)
    said["annotations belong to no listed image and count nowhere"] += strays
    for used in found.good.values():
        said["annotations are the same as another of their image (category, box and mask); all count"] += _same(used)
    names_of = list(found.categories.values())
    said["categories share their name with another: all of them count"] += len(names_of) - len(set(names_of))
    said["categories are not written as COCO writes them: taken for those"] += sum(
        names[key][0] != name for key, name in found.categories.items()
    )
    said["annotations have no id of their own; it only names them in messages"] += _without_id(raws)
    totals = {"annotations": len(raws), "images": len(images), "categories": len(names)}
    in_order = sorted(entries, key=lambda key: (isinstance(key, str), key))
    return Records(tuple(entries[key] for key in in_order), found.categories, tuple(_notes(said, totals)))


def _records(content: Any, name: str) -> list[Any]:
    value = content[name]
    if isinstance(value, dict | str):
        raise TypeError(f"'{name}' is no list")
    return list(value)


def _notes(said: Counter[str], totals: Mapping[str, int]) -> Iterable[str]:
    """`49 of 97 annotations belong to no listed image ..` for each remark that was counted."""
    for remark, count in said.items():
        if count:
            note = f"{count} of {totals[remark.partition(' ')[0]]} {remark}"
            yield Loss(note) if remark.endswith(_LOST) else note


def _names(raws: list[Any], said: Counter[str]) -> dict[Key, list[object]]:
    """The names that the file gives each category id, each once."""
    names: dict[Key, list[object]] = {}
    for raw in raws:
        try:
            key = fields.identity(raw.get("id"), "id")
        except (ValueError, AttributeError):
            said["categories have no usable id and are left out"] += 1
            continue
        given = names.setdefault(key, [])
        if raw.get("name") not in given:
            given.append(raw.get("name"))
        else:
            said["categories are listed again"] += 1
    return names


def _category(path: Path, key: Key, where: str, names: Mapping[Key, list[object]], known: Collection[str]) -> str:
    where = f"category {shown(key)} in annotation {where}"
    given = names.get(key, [])
    if not given:
        raise DataError(f"{path}: expected every category in its list 'categories', got {where}, which is not there")
    if len(given) > 1:
        got = f"{' and '.join(map(shown, given))} for {where}"
        raise DataError(f"{path}: expected one name for each category id, got {got}; correct the file")
    name = given[0]
    same = fields.alike(name, known)
    if same is None:
        do = "map it to one of them or leave its annotations out"
        raise DataError(f"{path}: expected COCO's {len(known)} categories, got {shown(name)} ({where}); {do}")
    return same


def _annotations(
    path: Path, raws: list[Any], names: Mapping[Key, list[object]], known: Collection[str], said: Counter[str]
) -> _Sorted:
    good: defaultdict[Key, list[Annotation]] = defaultdict(list)
    bad: defaultdict[Key, list[str]] = defaultdict(list)
    used: dict[Key, str] = {}
    for raw in raws:
        try:
            image = fields.identity(raw.get("image_id"), "image_id")
        except (ValueError, AttributeError):
            said["annotations have no usable image_id and count nowhere"] += 1
            continue
        _say_text(raw, said)
        name = shown(raw.get("id"))
        try:
            annotation = _annotation(raw, name, said)
        except ValueError as error:
            bad[image].append(f"annotation {name}: {error}")
            continue
        if annotation.category not in used:
            used[annotation.category] = _category(path, annotation.category, name, names, known)
        good[image].append(annotation)
    return _Sorted(good, bad, used)


def _say_text(raw: dict[str, Any], said: Counter[str]) -> None:
    """Counts fields that hold text where COCO has numbers."""
    for name in ("image_id", "category_id", "iscrowd", "area"):
        if isinstance(raw.get(name), str):
            said[f"annotations give {name} as text"] += 1
    box = raw.get("bbox")
    if isinstance(box, list) and any(isinstance(one, str) for one in box):
        said["annotations give bbox as text"] += 1


def _annotation(raw: dict[str, Any], name: str, said: Counter[str]) -> Annotation:
    """Raises `ValueError` where the category or `iscrowd` has no meaning; they decide what the object is."""
    category = fields.identity(raw.get("category_id"), "category_id")
    crowd = fields.truth(raw.get("iscrowd"), "iscrowd")
    if crowd is None:
        said["annotations do not say iscrowd: taken for single objects"] += 1
    area, box = _area(raw.get("area")), _box(raw.get("bbox"))
    if math.isnan(area):
        said["annotations have no usable area (a number above 0): computed"] += 1
    if box is None:
        said["annotations have no bbox of four numbers: that of the mask is taken"] += 1
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


def _entry(raw: Any, number: int, found: _Sorted, said: Counter[str], outside: bool) -> tuple[Key, Entry]:
    """An image and its id, or a key of its own for one that has none."""
    problems: list[str] = []
    record = raw if isinstance(raw, dict) else {}
    key = _try(problems, record, "id", fields.identity)
    file = _try(problems, record, "file_name", partial(fields.inside, outside=outside))
    height = _try(problems, record, "height", fields.side)
    width = _try(problems, record, "width", fields.side)
    if record is not raw:
        problems = [f"expected a record of an image, got {shown(raw)}"]
    name = f"image {key}" if isinstance(key, int) else f"image record {number}"
    key = f"\0{number}" if key is None else key
    problems.extend(found.bad.get(key, ()))
    said["images give height or width as text"] += any(isinstance(record.get(one), str) for one in ("height", "width"))
    said["images have \\ in file_name: read as /"] += "\\" in str(record.get("file_name"))
    said["images give no height or width above 0: that of the picture is taken"] += not (problems or (height and width))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    problem = f"{problems[0]}{more}" if problems else None
    return key, Entry(name, file or Path(), height, width, tuple(found.good.get(key, ())), problem)


def _try(problems: list[str], record: dict[str, Any], name: str, read: Callable[[object, str], T]) -> T | None:
    """What the field `name` says; None where it has no meaning, which becomes one of the `problems`."""
    try:
        return read(record.get(name), name)
    except ValueError as error:
        problems.append(str(error))
        return None


def _same(annotations: Sequence[Annotation]) -> int:
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


def _without_id(raws: Iterable[Any]) -> int:
    """How many annotations have no id, or that of an earlier one."""
    seen: set[Key] = set()
    without = 0
    for raw in raws:
        try:
            key = fields.identity(raw.get("id"), "id")
        except (ValueError, AttributeError):
            without += 1
            continue
        without += key in seen
        seen.add(key)
    return without


def _shape(value: object) -> object:
    """The mask as it is written, or None where it is nested deeper than any is, which no function could follow."""
    deep = isinstance(value, list | dict) and any(
        isinstance(part, list | dict) and not {list, dict}.isdisjoint(map(type, part))
        for part in (value.values() if isinstance(value, dict) else value)
    )
    return None if deep else value
