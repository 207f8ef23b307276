"""`openimages:DIR`: the boxes of Open Images."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Final

import numpy as np

from foolscape.data import files, upright
from foolscape.data.boxes.annotated import AnnotatedImages, Annotation, truth_of
from foolscape.data.boxes.open_images_tables import (
    Descriptions,
    Row,
    read_boxes,
    read_descriptions,
    read_verified,
)
from foolscape.errors import DataError
from foolscape.metrics.boxes import EVERYWHERE, Truth
from foolscape.paths import path_of
from foolscape.spec import Spec
from foolscape.strict import LossNote

_BOXES: Final = re.compile(r"(?:oidv\d+-)?(.+)-annotations-bbox", re.I)
_FOLDERS: Final = ("", "annotations", "labels", "metadata")
"""Where tables lie in DIR."""
_DESCRIPTIONS: Final = ("*class-descriptions-boxable.csv", "*class-descriptions.csv", "classes.csv")


def open_open_images(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split, by default validation, of `openimages:DIR[?annotations=FILE&images=DIR&classes=FILE]`.

    DIR has SPLIT-annotations-bbox.csv, class-descriptions-boxable.csv, both also in `annotations`, and the images in
    SPLIT, images/SPLIT, data or images. Those images count that are there and have a line in the table. A box that is
    marked IsGroupOf is a crowd. With SPLIT-annotations-human-imagelabels-boxable.csv beside the table, classes that
    nobody looked for in an image are not judged there.

    Raises:
        UnknownNameError: an option or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, a table of another form, none of its images.
    """
    spec.only("annotations", "images", "classes", "annotated")
    root = files.directory(spec)
    table, name = _table(spec, root, split)
    described = _option(spec, root, "classes") or _descriptions(spec, root)
    labels = read_descriptions(described)
    folder, there, several = _images(spec, root, name)
    boxes = read_boxes(table, labels.places, frozenset(there))
    images = {files.readable(one): path for one, path in there.items() if one in boxes.rows or one in boxes.problems}
    if not images:
        raise DataError(f"{table}: expected lines of the images in {folder}, got none of {len(there)}; use ?images=DIR")
    rows = {files.readable(one): own for one, own in boxes.rows.items()}
    unknown, judged = _unknown(table, name, labels, rows, frozenset(there))
    problems = {files.readable(one): f"{table}: {why}" for one, why in boxes.problems.items()}
    notes = (
        f"{len(labels.classes)} classes of {described.name}; boxes of groups (IsGroupOf) are crowds",
        judged,
        *_left_out(len(there), len(images), boxes.elsewhere, folder),
        *([f"{several} names have files of several extensions: .jpg counts"] if several else []),
        *boxes.notes,
    )

    def read(sample_id: str) -> Annotation:
        own, beside = rows[sample_id], unknown(sample_id)
        return Annotation(f"{sample_id} in {table}", (None, None), lambda size: _truth(own, beside, size))

    def decides(sample_id: str) -> Sequence[Path | str]:
        beside = unknown(sample_id)
        described = [problems.get(sample_id), labels.classes, rows.get(sample_id)]
        return (json.dumps([*described, beside] if beside else described),)

    frame = upright.frame_option(spec)
    return AnnotatedImages(spec.text, name, labels.classes, notes, images, read, decides, frame, problems)


def _unknown(
    table: Path, split: str, labels: Descriptions, rows: Mapping[str, Sequence[Row]], there: frozenset[str]
) -> tuple[Callable[[str], list[int]], str]:
    """What tells the classes that nobody looked for in an image, and a note of how that is known."""
    published = f"{split}-annotations-human-imagelabels"
    path = next(iter(sorted(table.parent.glob(f"*{escape(published)}*.csv"))), None)
    if path is None:
        return lambda _: [], (
            "detections of classes that nobody looked for in an image count as false, other than in Open Images' own "
            f"score; with {published}-boxable.csv beside the table they do not"
        )
    verified = {files.readable(one): own for one, own in read_verified(path, labels.places, there).items()}

    def unknown(sample_id: str) -> list[int]:
        known = verified.get(sample_id, set()) | {row[0] for row in rows.get(sample_id, ())}
        return [place for place in range(len(labels.classes)) if place not in known]

    why = (
        f"detections of classes that nobody looked for in an image count nowhere, by {path.name}, without the hierarchy"
    )
    return unknown, f"{why} of classes"


def _truth(rows: Sequence[Row], unknown: Sequence[int], size: tuple[int, int]) -> Truth:
    """The boxes of an image of `size` (H, W), which are shares of it, and the classes of which nothing is known."""
    height, width = size
    shares = np.array([row[1:5] for row in rows], np.float64).reshape(-1, 4)
    corners = shares * np.array([width, height, width, height])
    return truth_of(
        [*corners.tolist(), *[EVERYWHERE] * len(unknown)],
        [*(row[0] for row in rows), *unknown],
        crowd=[*(row[5] for row in rows), *[True] * len(unknown)],
    )


def _left_out(there: int, used: int, elsewhere: int, folder: Path) -> list[str]:
    notes: list[str] = []
    if used < there:
        notes.append(
            LossNote(f"{there - used} of {there} images in {folder} have no line in the table and are left out")
        )
    if elsewhere:
        notes.append(LossNote(f"{elsewhere} images of the table are not in {folder} and are left out"))
    return notes


def _option(spec: Spec, root: Path, name: str) -> Path | None:
    """The file that an option names, in DIR or from where one is."""
    if name not in spec.options:
        return None
    named = path_of(spec.options[name])
    for path in (root / named, named):
        if files.is_there(path):
            return path
    raise DataError(f"{spec.text}: expected a file at {root / named} or {named}, got none; check ?{name}=")


def _table(spec: Spec, root: Path, split: str | None) -> tuple[Path, str]:
    """The table of boxes and the name of its split."""
    if (named := _option(spec, root, "annotations")) is not None:
        match = _BOXES.fullmatch(named.stem)
        return named, split or (match[1] if match else named.stem)
    found: dict[str, Path] = {}
    for folder in _FOLDERS:
        for path in sorted((root / folder).glob("*.csv")):
            if (match := _BOXES.fullmatch(path.stem)) is not None:
                found.setdefault(match[1], path)
    if not found:
        do = "check the path, or name the file with ?annotations=FILE"
        raise DataError(f"{spec.text}: expected SPLIT-annotations-bbox.csv in {root}, got no such file; {do}")
    name = files.likely_split(spec, split, found, "validation")
    return found[name], name


def _descriptions(spec: Spec, root: Path) -> Path:
    for pattern in _DESCRIPTIONS:
        for folder in _FOLDERS:
            for path in sorted((root / folder).glob(pattern)):
                return path
    do = "download it, or name it with ?classes=FILE"
    raise DataError(f"{spec.text}: expected class-descriptions-boxable.csv in {root}, got no such file; {do}")


def _images(spec: Spec, root: Path, split: str) -> tuple[Path, Mapping[str, Path], int]:
    """The folder of the images, these by their names, and how many names have several files."""
    if "images" in spec.options:
        named = path_of(spec.options["images"])
        candidates = [root / named, named]
    else:
        inner = (split, f"images/{split}", f"{split}/data", "data", "images", "")
        candidates = [root / name for name in inner]
    for folder in candidates:
        there, several = files.by_stem(folder, files.IMAGE_EXTENSIONS, ".jpg")
        if there:
            return folder, there, several
    tried = ", ".join(map(str, candidates))
    raise DataError(f"{spec.text}: expected images in one of {tried}, got none; use ?images=DIR")
