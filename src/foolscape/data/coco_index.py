"""The files of COCO, found by a spec; the annotation file, read and checked once."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foolscape.data import files
from foolscape.data.coco_masks import Annotation, Entry
from foolscape.errors import DataError, SettingError
from foolscape.paths import path_of
from foolscape.spec import Spec


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


@dataclass(frozen=True)
class Found:
    """The files of a split.

    Attributes:
        split: its name, such as val2017.
        index: the annotation file.
        entries: its images by sample id: the file name without extension.
        images: the image folder.
    """

    split: str
    index: Index
    entries: Mapping[str, Entry]
    images: Path


def find(spec: Spec, split: str | None, known: Collection[str]) -> Found:
    """The files of a split of `coco:DIR[?annotations=FILE][&images=DIR]`, by default val.

    Args:
        spec: DIR has annotations/instances_SPLIT.json and the images in SPLIT, images/SPLIT or images.
        split: such as val2017, or val where that is clear.
        known: the names that a category may have.

    Raises:
        UnknownNameError: a split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has unknown categories.
    """
    root = files.directory(spec)
    annotations, split = _annotation_file(spec, root, split)
    index = read_index(annotations, known)
    images = _image_folder(spec, root, split, index)
    return Found(split, index, _by_id(annotations, index), images)


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


def _annotation_file(spec: Spec, root: Path, split: str | None) -> tuple[Path, str]:
    """The annotation file and the name of its split."""
    if "annotations" in spec.options:
        given = path_of(spec.options["annotations"])
        path = root / given if (root / given).is_file() else given
        if not path.is_file():
            raise DataError(f"{spec.text}: expected an annotation file at {root / given} or {given}, got none")
        return path, split or path.stem.removeprefix("instances_")
    folder = root / "annotations"
    known = {path.stem.removeprefix("instances_"): path for path in sorted(folder.glob("instances_*.json"))}
    if not known:
        do = "check the path, or name the file with ?annotations=FILE"
        raise DataError(f"{spec.text}: expected instances_SPLIT.json in {folder}, got no such file; {do}")
    asked = split or "val"
    fitting = [name for name in known if name.startswith(asked)]
    if asked not in known and len(fitting) > 1:
        raise SettingError(f"{spec.text}: expected one split for {asked!r}, got {', '.join(fitting)}; name one of them")
    if asked not in known and fitting:
        split = fitting[0]
    split = files.pick_split(spec, split, known, asked)
    return known[split], split


def _image_folder(spec: Spec, root: Path, split: str, index: Index) -> Path:
    """The first likely folder that holds one of the images."""
    if "images" in spec.options:
        given = path_of(spec.options["images"])
        candidates = [root / given, given]
    else:
        of_file = index.path.stem.removeprefix("instances_")
        names = dict.fromkeys((of_file, split))
        candidates = [*(root / name for name in names), *(root / "images" / name for name in names), root / "images"]
    for folder in candidates:
        if folder.is_dir() and any((folder / entry.file).is_file() for entry in index.entries):
            return folder
    tried = ", ".join(str(folder) for folder in dict.fromkeys(candidates))
    got = "none of its images there"
    raise DataError(f"{spec.text}: expected the images of {index.path} in {tried}, got {got}; use ?images=DIR")


def _by_id(annotations: Path, index: Index) -> dict[str, Entry]:
    ids = files.name_ids([Path(entry.file) for entry in index.entries])
    by_id = dict(zip(ids, index.entries, strict=True))
    if len(by_id) < len(ids):
        raise DataError(f"{annotations}: expected each file_name once, got one twice; correct the file")
    return by_id
