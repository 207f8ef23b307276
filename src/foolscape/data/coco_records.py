"""The records of a COCO annotation file: images, categories and annotations, each field with one meaning.

Written by many tools, these files hold ids as text, sizes of -1, areas of 0, truth values as words. What has a meaning
is taken; what touches nothing but one image makes that image a failure with its reason. Both are counted and reported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from foolscape.data import fields
from foolscape.data.attributes import plain_attributes
from foolscape.data.coco_annotations import (
    Annotation,
    Sorted,
    name_of,
    names_of,
    read_annotations,
    repeated,
    without_id,
)
from foolscape.data.fields import Key, shown
from foolscape.errors import DataError
from foolscape.strict import LossNote

T = TypeVar("T")

_OWN_FIELDS: Final = ("height", "width", "date_captured", "license")
"""Fields of an image in COCO's own files that do not say what it is like."""

_USUAL: Final = frozenset((*_OWN_FIELDS, "id", "file_name", "coco_url", "flickr_url"))
"""Those and what tells which image it is: all that most files have."""

_ABSENT: Final = "neg_category_ids"
_PARTLY: Final = "not_exhaustive_category_ids"
"""Of images of LVIS, in which only some of its classes were looked for."""

_LOST: Final = ("count nowhere", "left out")
"""How remarks end that tell of something that was left out."""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An image in the file.

    Attributes:
        name: what it is called where it has no usable file name.
        file: relative to the image folder; empty if it has no usable name.
        height, width: in pixels, as the file says; None where that is not known.
        annotations: in the order of the file.
        problem: why the image cannot be used, or None.
        tags: what else the file says of it, in short texts: fields besides COCO's own, and those of `attributes`.
        absent: the ids of the categories that were looked for in it and not found, as LVIS says; None where a file
            does not say it, as all were looked for.
        partly: the ids of those of which not all objects are marked.
    """

    name: str
    file: Path
    height: int | None
    width: int | None
    annotations: tuple[Annotation, ...]
    problem: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    absent: frozenset[Key] | None = None
    partly: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Records:
    """What is in a file.

    Attributes:
        entries: its images in the order of their ids.
        categories: name of each category id that has one, used or not, in the order of the ids.
        used: the ids of those that an annotation has.
        above: the ids of those that no annotation has and that the file names as the supercategory of another.
        listed: how many entries the list of categories has.
        notes: what was odd in it, counted.
    """

    entries: tuple[CocoImage, ...]
    categories: Mapping[Key, str]
    used: frozenset[Key]
    above: frozenset[Key]
    listed: int
    notes: tuple[str, ...]


def read_records(path: Path, content: Any, *, outside: bool = False) -> Records:
    """The records in `content`, the JSON of `path`.

    Args:
        path: for messages.
        content: what was read.
        outside: whether images may lie outside the image folder.

    Raises:
        DataError: no images, an image id twice, a category that is not listed, listed with two names, or without one.
        KeyError, TypeError, AttributeError: another form.
    """
    notes: Counter[str] = Counter()
    raw_categories = _records(content, "categories")
    names = names_of(raw_categories, notes)
    raws = _records(content, "annotations")
    items = read_annotations(path, raws, names, notes)
    images = _records(content, "images")
    if not images:
        raise DataError(f"{path}: expected images, got an empty list; use another annotation file")
    entries: dict[Key, CocoImage] = {}
    for number, raw in enumerate(images):
        key, entry = _entry(raw, number, items, notes, outside)
        if key in entries:
            raise DataError(f"{path}: expected each image id once, got {shown(key)} twice; correct the file")
        entries[key] = entry
        known = ((entry.absent or frozenset()) | entry.partly) <= names.keys()
        notes[f"images have an id in {_ABSENT} or {_PARTLY} that is no category: these ids are left out"] += not known
    strays = sum(len(those) for of in (items.good, items.bad) for key, those in of.items() if key not in entries)
    notes["annotations belong to no listed image and count nowhere"] += strays
    for used in items.good.values():
        notes["annotations are the same as another of their image (category, box and mask); all count"] += repeated(
            used
        )
    notes["annotations have no id of their own; it only names them in messages"] += without_id(raws)
    totals = {"annotations": len(raws), "images": len(images), "categories": len(names)}
    categories = {key: name for key in _in_order(names) if (name := name_of(names[key])) is not None}
    return Records(
        tuple(entries[key] for key in _in_order(entries)),
        categories,
        items.used,
        _above(raw_categories, categories) - items.used,
        len(names),
        tuple(_notes(notes, totals)),
    )


def _in_order(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (isinstance(key, str), key))


def _above(raws: list[Any], categories: Mapping[Key, str]) -> frozenset[Key]:
    """The categories that others name as their supercategory, as the first entry of Roboflow's files is."""
    below: defaultdict[str, set[Key]] = defaultdict(set)
    for raw in raws:
        if isinstance(raw, dict) and isinstance(above := raw.get("supercategory"), str):
            with suppress(ValueError):
                below[above].add(fields.identity(raw.get("id"), "id"))
    return frozenset(key for key, name in categories.items() if below[name] - {key})


def _records(content: Any, name: str) -> list[Any]:
    value = content[name]
    if isinstance(value, dict | str):
        raise TypeError(f"'{name}' is no list")
    return list(value)


def _notes(notes: Counter[str], totals: Mapping[str, int]) -> Iterable[str]:
    """`49 of 97 annotations belong to no listed image ..` for each remark that was counted."""
    for remark, count in notes.items():
        if count:
            note = f"{count} of {totals[remark.partition(' ')[0]]} {remark}"
            yield LossNote(note) if remark.endswith(_LOST) else note


def _entry(raw: Any, number: int, items: Sorted, notes: Counter[str], outside: bool) -> tuple[Key, CocoImage]:
    """An image and its id, or a key of its own for one that has none."""
    problems: list[str] = []
    record = raw if isinstance(raw, dict) else {}
    key = _try(problems, record, "id", fields.identity)
    by_url = "file_name" not in record and isinstance(record.get("coco_url"), str)
    notes["images have no file_name: that of coco_url is taken"] += by_url
    named, read = ("coco_url", _of_url) if by_url else ("file_name", partial(fields.inside, outside=outside))
    file = _try(problems, record, named, read)
    federated = _ABSENT in record
    absent = _try(problems, record, _ABSENT, _ids) if federated else None
    partly = _try(problems, record, _PARTLY, _ids) if federated and _PARTLY in record else None
    height = _try(problems, record, "height", fields.side)
    width = _try(problems, record, "width", fields.side)
    if record is not raw:
        problems = [f"expected a record of an image, got {shown(raw)}"]
    name = f"image {key}" if isinstance(key, int) else f"image record {number}"
    key = f"\0{number}" if key is None else key
    problems.extend(items.bad.get(key, ()))
    notes["images give height or width as text"] += any(isinstance(record.get(one), str) for one in ("height", "width"))
    notes["images have \\ in file_name: read as /"] += "\\" in str(record.get("file_name"))
    notes["images give no height or width above 0: that of the picture is taken"] += not (
        problems or (height and width)
    )
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    problem = f"{problems[0]}{more}" if problems else None
    good, tags = tuple(items.good.get(key, ())), _tags(record)
    return key, CocoImage(name, file or Path(), height, width, good, problem, tags, absent, partly or frozenset())


def _of_url(value: object, name: str) -> Path:
    """The file at the end of a URL, with its folder: val2017/000000397133.jpg."""
    return fields.inside("/".join(str(value).split("/")[-2:]), name)


def _ids(value: object, name: str) -> frozenset[Key]:
    """The ids in a list; raises `ValueError` for what is none."""
    if not isinstance(value, list):
        raise ValueError(f"expected a list of ids as {name}, got {shown(value)}")
    return frozenset(fields.identity(one, name) for one in value)


def _tags(record: Mapping[str, Any]) -> dict[str, str]:
    """What a record says of its image that may set it apart, such as `weather`, `attributes: {timeofday: ..}`."""
    if record.keys() <= _USUAL:
        return {}
    inner = record.get("attributes")
    beside: dict[object, object] = {name: value for name, value in record.items() if name not in _OWN_FIELDS}
    return plain_attributes({**beside, **(inner if isinstance(inner, Mapping) else {})})


def _try(problems: list[str], record: dict[str, Any], name: str, read: Callable[[object, str], T]) -> T | None:
    """What the field `name` says; None where it has no meaning, which becomes one of the `problems`."""
    try:
        return read(record.get(name), name)
    except ValueError as error:
        problems.append(str(error))
        return None
