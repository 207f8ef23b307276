"""`yolo:data.yaml`: images with the label files of YOLO."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from foolscape.data import files, upright
from foolscape.data.boxes.annotated import AnnotatedImages, Annotation
from foolscape.data.boxes.yolo_file import find_file, read_file
from foolscape.data.boxes.yolo_labels import read_labels
from foolscape.data.listing import sizes_in
from foolscape.data.walking import walk
from foolscape.errors import DataError
from foolscape.paths import absolute, below_common, path_of
from foolscape.regular import MOST_JSON, read_text
from foolscape.spec import Spec
from foolscape.strict import LossNote

_BESIDE: Final = frozenset((".txt", ".cache", ".yaml", ".yml"))
"""What lies among images without a word: label files, their cache, the file of the set."""
_NO_LABELS: Final = "classes.txt"
"""What annotation tools write beside label files."""


def open_yolo(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split, by default val, of `yolo:data.yaml[?annotated=stored|upright]`, or of the folder that holds it.

    The split's folders, with all below them, and lists of images count. Labels lie in `labels` where the images lie in
    the last folder called `images` of their path, else beside them. An image with an empty label file, or without one,
    has no objects.

    Raises:
        UnknownNameError: an option or split that does not exist.
        SettingError: one of several YAML files must be named.
        DataError: the YAML file or what it names is missing or damaged, no images, or not one label file.
    """
    spec.only("annotated")
    file = read_file(find_file(spec))
    name = files.pick_split(spec, split, file.splits, "val")
    notes: list[str] = []
    folders, listed = _listing(file.path, name, file.splits[name], notes)
    paths = list(dict.fromkeys((*folders, *listed)))
    if not paths:
        places = ", ".join(map(str, file.splits[name]))
        raise DataError(f"{file.path}: expected images in {places}, got none; check {name}:")
    if again := len(folders) + len(listed) - len(paths):
        notes.append(f"{again} images are listed again")
    images = dict(zip(files.name_ids(below_common(paths)), paths, strict=True))
    labels = {sample_id: label_path(path) for sample_id, path in images.items()}
    own = frozenset(folders)
    of_folders = [label for label, path in zip(labels.values(), paths, strict=True) if path in own]
    notes += _label_notes(file.path, labels.values(), of_folders)
    described = json.dumps([file.classes, file.places, file.keypoints])

    def read(sample_id: str) -> Annotation:
        return read_labels(labels[sample_id], file.places, file.keypoints)

    def decides(sample_id: str) -> Sequence[Path | str]:
        return labels[sample_id], described

    why = f"{len(file.classes)} classes of {file.path.name}, split {name}"
    remarks = (why, *file.notes, *notes)
    return AnnotatedImages(spec.text, name, file.classes, remarks, images, read, decides, upright.frame_option(spec))


def label_path(image: Path) -> Path:
    """The label file of an image: `labels` in the place of the last folder `images` of its path, .txt its extension."""
    return _label_folder(image.parent) / f"{image.stem}.txt"


@lru_cache(256)
def _label_folder(images: Path) -> Path:
    """The folder of the label files of the images in a folder."""
    folders = list(images.parts)
    places = [place for place, name in enumerate(folders) if name == "images"]
    if places:
        folders[places[-1]] = "labels"
    return type(images)(*folders)  # in a store, where they are


def _listing(file: Path, split: str, places: Sequence[Path], notes: list[str]) -> tuple[list[Path], list[Path]]:
    """The images in the folders among `places`, and those in the lists, absolute."""
    folders: list[Path] = []
    listed: list[Path] = []
    for place in places:
        if files.is_folder(place):
            found = walk(place, recursive=True)
            base = absolute(place)
            others = {kind: names for kind, names in found.others.items() if kind not in _BESIDE}
            notes += dataclasses.replace(found, others=others).notes
            folders += [base / path for path in found.images]
        elif files.is_there(place):
            listed += _read_list(place, file.parent)
        else:
            raise DataError(
                f"{file}: expected a folder or a list of images as {split}, got nothing at {place}; check path: and "
                f"{split}: there"
            )
    return folders, listed


def _read_list(path: Path, root: Path) -> list[Path]:
    """The images in a list: paths, relative to its own folder or to that of the YAML file."""
    try:
        lines = [
            path_of(line.strip().replace("\\", "/")) for line in read_text(path, MOST_JSON).split("\n") if line.strip()
        ]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a list of images, got {error}; correct it") from None
    bases = (path.parent, root)
    base = next((base for base in bases if any(files.is_there(base / line) for line in lines)), bases[0])
    return [absolute(base / line) for line in lines]


def _label_notes(file: Path, labels: Iterable[Path], of_folders: Sequence[Path]) -> list[str]:
    """How many images have no label file, or an empty one, and label files without an image in the same folder."""
    wanted = list(labels)
    there = {folder: _sizes(folder) for folder in dict.fromkeys(path.parent for path in wanted)}
    sizes = [there[path.parent].get(path.name) for path in wanted]
    missing, empty = sizes.count(None), sizes.count(0)
    if missing == len(wanted):
        places = ", ".join(map(str, list(there)[:3]))
        raise DataError(f"{file}: expected label files of its images in {places}, got none for {missing} images")
    notes = []
    if missing or empty:
        notes.append(
            f"of {len(wanted)} images {missing} have no label file and {empty} an empty one: images without objects"
        )
    names: defaultdict[Path, set[str]] = defaultdict(set)
    for path in of_folders:
        names[path.parent].add(path.name)
    strays = [
        name
        for folder, known in names.items()
        for name in there[folder]
        if name.endswith(".txt") and name != _NO_LABELS and name not in known
    ]
    if strays:
        notes.append(
            LossNote(f"{len(strays)} label files have no image and count nowhere ({files.readable(strays[0])})")
        )
    return notes


def _sizes(folder: Path) -> dict[str, int]:
    """The names in a folder with their sizes in bytes; -1 for what is no file, nothing where there is no folder."""
    if not files.is_folder(folder):
        return {}
    return sizes_in(folder)
