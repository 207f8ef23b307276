"""Which label map belongs to which image, by the names of the files."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from foolscape.data.files import readable
from foolscape.errors import DataError

IMAGE_SUFFIXES: Final = ("_leftImg8bit", "_image", "_images", "_img", "_rgb", "_photo", "_sat")
"""What the names of images may end in, beside the name that they share with their label maps."""

LABEL_SUFFIXES: Final = (
    "_gtFine_labelTrainIds", "_gtFine_labelIds", "_gtCoarse_labelTrainIds", "_gtCoarse_labelIds", "_labelTrainIds",
    "_labelIds", "_trainIds", "_label", "_labels", "_lab", "_mask", "_masks", "_gt", "_seg", "_segmentation",
    "_segmap", ".seg", ".mask", "_semantic", "_annotation", "_annotations", "_anno", "_target", "_L",
)  # fmt: skip
"""What the names of label maps may end in."""

OTHER_SUFFIXES: Final = (
    "_gtFine_color", "_gtFine_instanceIds", "_gtCoarse_color", "_gtCoarse_instanceIds", "_instanceIds",
    "_instanceTrainIds", "_instances", "_color", "_colour", "_colors", "_overlay", "_vis",
)  # fmt: skip
"""What files end in that lie beside label maps and are none; `?suffix=` takes them all the same."""

LOSSLESS: Final = frozenset((".png", ".tif", ".tiff", ".bmp", ".gif"))
"""Extensions, in lower case, of the files that are taken for label maps."""

_LONGEST_FIRST: Final = sorted((*LABEL_SUFFIXES, *OTHER_SUFFIXES), key=len, reverse=True)
_ANY_LABEL: Final = tuple(suffix.casefold() for suffix in _LONGEST_FIRST)
_ANY_IMAGE: Final = tuple(suffix.casefold() for suffix in IMAGE_SUFFIXES)

Name: TypeAlias = tuple[str, str]
"""Folder and shared name of an image or label map, in small letters where it is compared."""


@dataclass(frozen=True)
class Pairing:
    """Images with their label maps.

    Attributes:
        pairs: paths of both, in the order of the images.
        without_labels: images that have none.
        without_image: label maps that have none.
        other: files among the label maps that are none by their names.
        suffixes: what the label maps' names end in, in small letters; "" where they have the names of the images.
    """

    pairs: tuple[tuple[Path, Path], ...]
    without_labels: tuple[Path, ...]
    without_image: tuple[Path, ...]
    other: tuple[Path, ...]
    suffixes: tuple[str, ...]


@dataclass
class _Labels:
    """Label maps by the names that they may share with an image, and by what follows it."""

    by_name: dict[str, dict[Name, list[Path]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, path: Path, suffix: str, folder: str, stem: str) -> None:
        name = stem[: len(stem) - len(suffix)] if suffix else stem
        self.by_name[suffix.casefold()][folder, name.casefold()].append(path)


def suffix_of(stem: str, wanted: str | None) -> str:
    """What follows the shared name in the `stem` of a label map: `wanted` if it ends so, else the longest one known."""
    lower = stem.casefold()
    if wanted is None and not lower.endswith(_ANY_LABEL):  # as nearly all are not, where there are many
        return ""
    for suffix in _LONGEST_FIRST if wanted is None else (wanted,):
        if lower.endswith(suffix.casefold()) and len(stem) > len(suffix):
            return stem[-len(suffix) :] if suffix else ""
    return ""


def _folder_and_stem(path: Path) -> Name:
    """The folder of `path`, "" for none, and its name without extension; many times as fast as asking the path."""
    folder, _, name = str(path).replace(os.sep, "/").rpartition("/")
    return folder, os.path.splitext(name)[0]  # noqa: PTH122 - a Path costs ten times as much


def pair_up(images: Sequence[Path], labels: Sequence[Path], where: str, wanted: str | None = None) -> Pairing:
    """Pair the files of two folders, or of one, by their names without what they end in.

    A label map lies in the folder of the same relative path as its image; where none does, one of that name anywhere
    below counts if no other image and no other label map has it.

    Args:
        images: paths of the images relative to their folder.
        labels: paths of the label maps relative to theirs.
        where: the spec, for messages.
        wanted: what the names of the label maps end in; None: what is known, or nothing.

    Raises:
        DataError: no image has a label map, or label maps of several endings fit.
    """
    kept, other = _by_suffix(labels, wanted)
    keys = {image: _keys(image) for image in images}
    fits = {suffix: _fits(keys, named) for suffix, named in kept.by_name.items()}
    fits = {suffix: found for suffix, found in fits.items() if found}
    if not fits:
        raise _none(images, labels, where)
    counts = Counter(image for found in fits.values() for image in found)
    if len(fits) > 1 and max(counts.values()) > 1:
        shown = "; ".join(
            f"{len(found)} that end in {suffix!r}, such as {next(iter(found.values())).as_posix()}"
            if suffix
            else f"{len(found)} of the same name, such as {next(iter(found.values())).as_posix()}"
            for suffix, found in sorted(fits.items())
        )
        raise DataError(f"{where}: expected one label map for each image, got {shown}; say which with &suffix=_mask")
    found = {image: path for of_suffix in fits.values() for image, path in of_suffix.items()}
    used = set(found.values())
    return Pairing(
        tuple((image, found[image]) for image in images if image in found),
        tuple(image for image in images if image not in found),
        tuple(path for path in labels if path not in used and path not in other),
        tuple(other),
        tuple(sorted(fits)),
    )


def split_folder(paths: Sequence[Path], wanted: str | None = None) -> tuple[list[Path], list[Path]]:
    """The images and the label maps of one folder that holds both.

    A label map is a file of a format that keeps its pixels, with the name of another and an ending behind it, or with
    the name of a JPEG.
    """
    names = Counter(name for path in paths for name in _keys(path))
    photos = {_keys(path)[0] for path in paths if path.suffix.lower() not in LOSSLESS}
    images: list[Path] = []
    labels: list[Path] = []
    for path in paths:
        folder, stem = _folder_and_stem(path)
        suffix = suffix_of(stem, wanted)
        shared = stem[: len(stem) - len(suffix)].casefold()
        is_label = path.suffix.lower() in LOSSLESS and (
            (bool(suffix) and names[folder, shared] > 0) or (not suffix and (folder, stem.casefold()) in photos)
        )
        (labels if is_label else images).append(path)
    return images, labels


def _by_suffix(labels: Iterable[Path], wanted: str | None) -> tuple[_Labels, list[Path]]:
    kept, other = _Labels(), []
    unlike = {suffix.casefold() for suffix in OTHER_SUFFIXES}
    for path in labels:
        folder, stem = _folder_and_stem(path)
        suffix = suffix_of(stem, wanted)
        if path.suffix.lower() not in LOSSLESS or (wanted and not suffix):
            other.append(path)
            continue
        if wanted is None and suffix.casefold() in unlike:
            other.append(path)
            continue
        kept.add(path, suffix, folder, stem)
        if suffix and wanted is None:  # an image may be called so, too: a_mask.jpg and a_mask.png
            kept.add(path, "", folder, stem)
    return kept, other


def _stems(path: Path) -> tuple[str, ...]:
    """The names that an image may share with its label map: its own, and that without what images end in."""
    own = _folder_and_stem(path)[1]
    if not own.casefold().endswith(_ANY_IMAGE):
        return (own,)
    shorter = (own[: -len(end)] for end in IMAGE_SUFFIXES if own.casefold().endswith(end.casefold()))
    return tuple(dict.fromkeys((own, *(name for name in shorter if name))))


def _keys(image: Path) -> tuple[Name, ...]:
    folder, _ = _folder_and_stem(image)
    return tuple((folder, stem.casefold()) for stem in _stems(image))


def _fits(keys: dict[Path, tuple[Name, ...]], named: dict[Name, list[Path]]) -> dict[Path, Path]:
    """The label map of each image that has one among the `named`."""
    anywhere: dict[str, set[Path]] = defaultdict(set)
    for (_, name), alike in named.items():
        anywhere[name].update(alike)
    images_of = Counter(name for of_image in keys.values() for name in {name for _, name in of_image})
    found: dict[Path, Path] = {}
    for image, of_image in keys.items():
        for key in of_image:
            paths: Collection[Path] = named.get(key, ())
            if not paths and images_of[key[1]] == 1:
                paths = anywhere.get(key[1], ())
            if paths and (len(paths) == 1 or key in named):
                found[image] = min(paths, key=lambda path: (path.suffix.lower() != ".png", path.as_posix()))
                break
    return found


def _none(images: Sequence[Path], labels: Sequence[Path], where: str) -> DataError:
    def listed(paths: Sequence[Path]) -> str:
        return ", ".join(readable(path.as_posix()) for path in paths[:3]) or "none"

    return DataError(
        f"{where}: expected label maps (PNG, TIFF, BMP, GIF) with the names of the images, such as a.png or a_mask.png "
        f"for a.jpg, got {len(images)} images ({listed(images)}) and {len(labels)} other files ({listed(labels)}) of "
        "which none fit; name what they end in with &suffix=_ending"
    )
