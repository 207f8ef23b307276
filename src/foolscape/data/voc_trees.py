"""Trees in VOC's form without its lists of splits, as annotation tools write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.data import files
from foolscape.errors import DataError, SettingError
from foolscape.paths import real
from foolscape.spec import Spec
from foolscape.strict import LossNote

_XML: Final = frozenset((".xml",))
_IMAGES: Final = ("JPEGImages", "images", "Images", "")
"""Where images lie beside a folder of annotations, by likelihood."""


@dataclass(frozen=True)
class VocTree:
    """Images with an annotation each.

    Attributes:
        split: the folder of the split; None where there is only one.
        pairs: image and annotation by name.
        notes: that there are no lists, what was left out.
    """

    split: str | None
    pairs: Mapping[str, tuple[Path, Path]]
    notes: tuple[str, ...]


def find_tree(spec: Spec, root: Path, split: str | None) -> VocTree | None:
    """The annotations in DIR/Annotations or DIR itself, or in a folder of DIR for each split; None if there are none.

    Images are those of the same names in DIR/JPEGImages, DIR/images or beside the annotations.

    Raises:
        SettingError: a split where there is one set only, or one that several folders fit.
        UnknownNameError: a split that does not exist.
        DataError: no image has one of the annotations.
    """
    if (folder := _annotations(root)) is not None:
        if split is not None:
            raise SettingError(
                f"{spec.text}: expected no split, as there are no lists in ImageSets/Main, got {split!r}; leave it out"
            )
        return _pairs(root, folder, None)
    parts = {path.name: path for path in sorted(root.iterdir()) if files.is_folder(path) and _annotations(path)}
    if not parts:
        return None
    name = files.likely_split(spec, split, parts, "val")
    folder = _annotations(parts[name])
    assert folder is not None
    return _pairs(parts[name], folder, name)


def _annotations(root: Path) -> Path | None:
    """The folder of annotations in `root`, or `root` itself; None if neither holds one."""
    for folder in (root / "Annotations", root):
        if files.is_folder(folder) and any(path.suffix.lower() in _XML for path in folder.iterdir()):
            return folder
    return None


def _pairs(root: Path, folder: Path, split: str | None) -> VocTree:
    annotations, several = files.by_stem(folder, _XML, ".xml")
    tried = dict.fromkeys((*(root / name for name in _IMAGES), folder))
    for place in tried:
        images, twins = files.by_stem(place, files.IMAGE_EXTENSIONS, ".jpg")
        if not images.keys().isdisjoint(annotations):
            break
    else:
        places = ", ".join(map(str, tried))
        raise DataError(f"{folder}: expected the images of its annotations in {places}, got none; put them there")
    names = [name for name in annotations if name in images]
    notes = [f"{real(root).name}, without lists in ImageSets/Main: all {len(names)} images with an annotation"]
    if several + twins:
        notes.append(f"{several + twins} names have files of several extensions: .jpg and .xml count")
    for what, other, without in (
        ("images have no annotation", images, [name for name in images if name not in annotations]),
        ("annotations have no image", annotations, [name for name in annotations if name not in images]),
    ):
        if without:
            notes.append(LossNote(f"{len(without)} {what} and are left out ({other[without[0]].name})"))
    if below := sum(files.is_folder(path) for path in folder.iterdir()) if folder != root else 0:
        notes.append(LossNote(f"{below} folders in {folder.name} are not looked into: what is there is left out"))
    ids = dict(zip(names, map(files.readable, names), strict=True))
    return VocTree(split, {ids[name]: (images[name], annotations[name]) for name in names}, tuple(notes))
