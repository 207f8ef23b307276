"""The annotation file of COCO, read and checked once."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foolscape.data.coco_masks import Annotation, Entry
from foolscape.errors import DataError


@dataclass(frozen=True)
class Index:
    """An annotation file.

    Attributes:
        path: where it was read.
        entries: its images in the order of their ids.
        categories: name of each category id that an annotation uses.
    """

    path: Path
    entries: tuple[Entry, ...]
    categories: Mapping[int, str]


def read_index(path: Path, known: Collection[str]) -> Index:
    """Read the annotation file `path`, whose categories must be among the names `known`.

    Raises:
        DataError: not JSON, not in COCO's form, no images, an image id twice, or a category that is not known.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected COCO annotations in JSON, got {error}; download the file again") from None
    try:
        return _index(path, content, known)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        got = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{path}: expected COCO's instances form (images, categories, annotations with area, bbox, segmentation), "
            f"got {got}; use an instances_*.json file"
        ) from None


def _index(path: Path, content: dict[str, Any], known: Collection[str]) -> Index:
    names = {int(category["id"]): str(category["name"]) for category in content["categories"]}
    by_image: defaultdict[object, list[Annotation]] = defaultdict(list)
    used: dict[int, str] = {}
    for raw in content["annotations"]:
        annotation = _annotation(raw)
        number = annotation.category
        if number not in used:
            used[number] = _category(path, annotation, names, known)
        by_image[raw["image_id"]].append(annotation)
    images = sorted(content["images"], key=lambda raw: raw["id"])
    if not images:
        raise DataError(f"{path}: expected images, got an empty list; use another annotation file")
    for before, after in itertools.pairwise(images):
        if before["id"] == after["id"]:
            raise DataError(f"{path}: expected each image id once, got {after['id']} twice; correct the file")
    return Index(path, tuple(_entry(raw, by_image.get(raw["id"], [])) for raw in images), used)


def _annotation(raw: dict[str, Any]) -> Annotation:
    crowd = bool(raw.get("iscrowd", 0))
    x, y, width, height = map(float, raw["bbox"])
    box, area = (x, y, width, height), float(raw["area"])
    return Annotation(raw.get("id"), int(raw["category_id"]), area, box, crowd, raw.get("segmentation"))


def _entry(raw: dict[str, Any], annotations: list[Annotation]) -> Entry:
    largest_first = tuple(sorted(annotations, key=lambda annotation: -annotation.area))
    return Entry(str(raw["file_name"]), int(raw["height"]), int(raw["width"]), largest_first)


def _category(path: Path, annotation: Annotation, names: Mapping[int, str], known: Collection[str]) -> str:
    number = annotation.category
    where = f"category {number} in annotation {annotation.id}"
    if number not in names:
        raise DataError(f"{path}: expected every category in its list 'categories', got {where}, which is not there")
    if names[number] not in known:
        do = "map it to one of them or leave its annotations out"
        raise DataError(f"{path}: expected COCO's {len(known)} categories, got {names[number]!r} ({where}); {do}")
    return names[number]
