"""`voc:DIR`: the segmentation sets of PASCAL VOC."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from foolscape.data import fields, files, upright
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.errors import DataError, SettingError, unknown
from foolscape.paths import real
from foolscape.regular import read_text
from foolscape.spec import Spec

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Names of the label values 0 to 20; 255 is void."""


def open_voc(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `voc:DIR[?year=YEAR][&annotated=stored|upright]`, by default val of the newest year.

    DIR is VOCdevkit or one year in it; `annotated` says what labels of images were made on that an EXIF tag turns.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    spec.only("year", "annotated")
    listing = read_listing(spec, split, "Segmentation", "SegmentationClass")
    pairs, notes = listing.pairs("SegmentationClass", ".png")
    return Pairs(spec.text, listing.split, listing.notes + notes, pairs, numbered(CLASSES), upright.frame_option(spec))


@dataclass(frozen=True)
class VocList:
    """A list of images of one year.

    Attributes:
        root: the folder of the year.
        split: name of the list.
        names: of the images, in the order of the list, each once.
        notes: the year, what was left out.
        images: the files of the images.
    """

    root: Path
    split: str
    names: tuple[str, ...]
    notes: tuple[str, ...]
    images: _Finder

    def pairs(self, truth: str, extension: str) -> tuple[dict[str, tuple[Path, Path]], tuple[str, ...]]:
        """Paths of the image and of the file in the folder `truth` by name, in the order of the list, and notes.

        Both may have other forms of their extensions (.PNG), images any that images have; VOC's own comes first.
        """
        truths = _Finder(self.root / truth, frozenset((extension,)), extension)
        pairs = {name: (self.images.path(name), truths.path(name)) for name in self.names}
        several = self.images.several() + truths.several()
        note = f"{several} names have files of several extensions: {self.images.preferred} and {extension} count"
        return pairs, (note,) if several else ()


@dataclass(frozen=True)
class _Finder:
    """The files of a folder by their names without extension, folders below it listed when a name needs them."""

    folder: Path
    extensions: Collection[str]
    preferred: str
    seen: dict[Path, tuple[dict[str, Path], int]] = field(default_factory=dict)

    def find(self, name: str) -> Path | None:
        """The file called `name`, which may have folders; None if there is none."""
        folder = (self.folder / name).parent if "/" in name else self.folder
        if folder not in self.seen:
            self.seen[folder] = files.by_stem(folder, self.extensions, self.preferred)
        return self.seen[folder][0].get(Path(name).name if "/" in name else name)

    def path(self, name: str) -> Path:
        """As `find`; where that finds nothing, the file that VOC would have."""
        return self.find(name) or self.folder / f"{name}{self.preferred}"

    def several(self) -> int:
        """How many names, in the folders that were listed, have several files."""
        return sum(count for _, count in self.seen.values())


def read_listing(spec: Spec, split: str | None, task: str, truth: str) -> VocList:
    """The list of a split of `voc:DIR[?year=YEAR]`, by default val of the newest year.

    Args:
        spec: DIR is VOCdevkit or one year in it.
        split: such as train.
        task: the folder in ImageSets that has the lists.
        truth: the folder that has the truth; it must be there.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    lists = Path("ImageSets") / task
    root = year_folder(spec, task)
    for name in ("JPEGImages", truth):
        if not (root / name).is_dir():
            raise DataError(f"{spec.text}: expected the folder {root / name}, got none; unpack all of VOC")
    split = files.pick_split(spec, split, _splits(root / lists), "val")
    listing = root / lists / f"{split}.txt"
    images = _Finder(root / "JPEGImages", files.IMAGE_EXTENSIONS, ".jpg")
    names, remarks = _read_names(listing, images)
    once = tuple(dict.fromkeys(names))
    notes = [f"{real(root).name}, split {split}", *remarks]
    if len(once) < len(names):
        notes.append(f"{len(names) - len(once)} repeated names in {listing.name} left out")
    return VocList(root, split, once, tuple(notes), images)


def _read_names(listing: Path, finder: _Finder) -> tuple[list[str], list[str]]:
    """The names in the file `listing`, and notes.

    A line that is no name of an image that is found may be a path to one, have its extension, or further
    columns (the flags 1, 0 and -1 of VOC's lists of classes, the path of the truth).
    """
    try:
        lines = read_text(listing).split("\n")
    except (OSError, ValueError) as error:
        raise DataError(f"{listing}: expected a list of image names, got {error}; unpack VOC again") from None
    names, others, columns = [], 0, 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            fields.inside(text, "name")
        except ValueError as error:
            raise DataError(f"{listing}: line {number}: {error}; correct the list") from None
        name = _name(text, finder)
        names.append(name)
        others += name != text
        columns += name != text and len(text.split()) > len(name.split())
    if not names:
        raise DataError(f"{listing}: expected a list of image names, got an empty file; unpack VOC again")
    notes = []
    if others - columns:
        notes.append(f"{others - columns} names in {listing.name} without their folder or extension")
    if columns:
        notes.append(f"{columns} lines of {listing.name} have more columns than the name: left out")
    return names, notes


def _name(text: str, finder: _Finder) -> str:
    """The name that a line stands for: the first reading that is an image, else the line, without a flag."""
    column = text.split()[0]
    for whole in dict.fromkeys((text, column)):
        without = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", whole)
        inner = without.replace("\\", "/").rpartition(f"{finder.folder.name}/")[2].lstrip("/")
        for name in dict.fromkeys((whole, without, inner)):
            if name and finder.find(name) is not None:
                return name
    return column if re.fullmatch(r"\S+\s+[+-]?[01]", text) else text


def _splits(folder: Path) -> list[str]:
    """The lists in `folder`, without those of one class such as cat_val, which have a mark behind each name."""
    stems = {path.stem for path in folder.glob("*.txt")}
    of_classes = {f"{name}_{stem}" for name in CLASSES for stem in stems}
    return sorted(stems - of_classes)


def year_folder(spec: Spec, task: str) -> Path:
    """The folder of the year that `spec` asks for, or of the newest, with the lists of a `task` in it."""
    root, lists = files.directory(spec), Path("ImageSets") / task
    chosen = spec.options.get("year")
    if (root / lists).is_dir():
        if chosen is not None and real(root).name != f"VOC{chosen}":
            got = f"?year={chosen} with {root}"
            raise SettingError(f"{spec.text}: expected ?year= only with VOCdevkit, got {got}; leave the option out")
        return root
    years = _years(root, lists)
    if not years:
        raise DataError(
            f"{spec.text}: expected VOCdevkit (with VOC2012/{lists.as_posix()}) or one year of it "
            f"(with {lists.as_posix()}), got neither in {root}; check the path"
        )
    if chosen is not None and chosen not in years:
        raise unknown(f"year of {spec.text}", chosen, years)
    return years[chosen or max(years)]


def _years(root: Path, lists: Path) -> dict[str, Path]:
    return {path.name[3:]: path for path in sorted(root.glob("VOC[0-9]*")) if (path / lists).is_dir()}


def has_lists(root: Path, task: str) -> bool:
    """Whether the folder `root`, or that of a year in it, has lists of splits for a `task`."""
    lists = Path("ImageSets") / task
    return (root / lists).is_dir() or bool(_years(root, lists))
