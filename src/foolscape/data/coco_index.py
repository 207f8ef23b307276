"""The files of COCO, found by a spec; the annotation file, read and checked once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from foolscape.data import fields, files, upright
from foolscape.data.boxes.annotated import CORRECT
from foolscape.data.coco_records import CocoImage, Records, read_records
from foolscape.data.images import read_header, read_picture
from foolscape.data.json_file import read_json
from foolscape.data.picture import Picture
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.paths import path_of, real
from foolscape.spec import Spec

OPTIONS: Final = ("classes", "annotations", "images", "annotated", "outside")
"""What may stand behind `?`."""

_LOOKED_AT: Final = 2000
"""Of so many images a file is looked for below further folders."""

_ROBOFLOW: Final = "_annotations.coco.json"
"""What Roboflow calls the annotations of a split, in the folder of its images."""


@dataclass(frozen=True)
class Index:
    """An annotation file.

    Attributes:
        path: where it was read.
        records: what is in it.
    """

    path: Path
    records: Records


@dataclass(frozen=True)
class Layout:
    """How a set with annotations in COCO's form is published.

    Attributes:
        form: what its annotation files are called, for messages.
        names: of its annotation files without their extension; the group is the split.
        folders: patterns of the folders in DIR that hold them, each with a slash behind it; "" for DIR itself.
        outer: whether the folders that file names begin with may be missing.
    """

    form: str
    names: re.Pattern[str]
    folders: tuple[str, ...]
    outer: bool = False


COCO: Final = Layout("instances_SPLIT.json", re.compile("instances_(.+)"), ("annotations/",))


@dataclass(frozen=True)
class CocoSplit:
    """The files of a split.

    Attributes:
        split: its name, such as val2017.
        index: the annotation file.
        entries: its images by sample id: the file name without extension.
        images: the image folder.
        frame: what `?annotated=` says of images that an EXIF tag turns.
        notes: where the images were found, if not where the file says.
    """

    split: str
    index: Index
    entries: Mapping[str, CocoImage]
    images: Path
    frame: str | None
    notes: tuple[str, ...] = ()

    def read(self, sample_id: str, spec: str) -> tuple[CocoImage, Picture, str]:
        """What the file says of an image, the image, and where that stands, for messages.

        Raises:
            UnknownNameError: no image of that name.
            SampleError: it cannot be read, or the file does not say what is needed.
        """
        entry = files.fetch(self.entries, sample_id, spec)
        if (problem := self.problem(entry)) is not None:
            raise SampleError(problem)
        return entry, read_picture(self.images / entry.file), self.where(entry)

    def where(self, entry: CocoImage) -> str:
        """Where an image stands, for messages."""
        return f"{entry.file if entry.file.name else entry.name} in {self.index.path}"

    def problem(self, entry: CocoImage) -> str | None:
        """Why an image cannot be used, in a sentence; None if the file says what is needed."""
        return None if entry.problem is None else f"{self.where(entry)}: {entry.problem}; {CORRECT}"

    def image_size(self, sample_id: str) -> tuple[int, int] | None:
        """(H, W) of an image, as `size` has it."""
        entry = self.entries.get(sample_id)
        return None if entry is None else self.size(entry)

    def size(self, entry: CocoImage) -> tuple[int, int] | None:
        """(H, W) as the file says, or, where it does not, as the picture's header does; None where that fails."""
        if entry.height is not None and entry.width is not None:
            return entry.height, entry.width
        header = read_header(self.images / entry.file)
        return None if header is None else header[0]


def find(spec: Spec, split: str | None, layout: Layout = COCO) -> CocoSplit:
    """The files of a split, by default val, of `coco:DIR[?annotations=FILE&images=DIR&annotated=FRAME&outside=yes]`.

    Args:
        spec: DIR has annotations/instances_SPLIT.json and the images in SPLIT, images/SPLIT, images or DIR itself; or
            SPLIT/_annotations.coco.json with the images beside it, as Roboflow has it; or is an annotation file.
            `annotated` says whether objects of images that an EXIF tag turns are `upright` or those of the `stored`
            pixels, `outside` allows file names that lead out of the image folder.
        split: such as val2017, or val where that is clear.
        layout: how the set is published.

    Raises:
        UnknownNameError: a split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has categories without names.
    """
    file = path_of(spec.rest) if spec.rest.strip() else None
    if file is not None and file.suffix.lower() == ".json" and files.is_there(file):
        if "annotations" in spec.options:
            raise SettingError(f"{spec.text}: expected ?annotations= with a folder, got it with a file; leave it out")
        root, annotations, split = file.parent, file, split or file.stem.removeprefix("instances_")
    else:
        root = files.directory(spec)
        annotations, split = _annotation_file(spec, root, split, layout)
    records = read_file(annotations, outside=outside_option(spec))
    index = Index(annotations, records)
    images, outer = _image_folder(spec, root, split, index, layout)
    notes: tuple[str, ...] = ()
    if outer:
        index = _without_outer(index, outer)
        notes = (f"the images lie in {images}, without the first {outer} folders of their file_name",)
    return CocoSplit(split, index, _by_id(annotations, index), images, upright.frame_option(spec), notes)


def _without_outer(index: Index, outer: int) -> Index:
    """The images by shorter paths."""
    entries = [
        replace(entry, file=Path(*entry.file.parts[outer:])) if len(entry.file.parts) > outer else entry
        for entry in index.records.entries
    ]
    return replace(index, records=replace(index.records, entries=tuple(entries)))


def outside_option(spec: Spec) -> bool:
    """Whether `?outside=yes` allows images outside the image folder."""
    try:
        return bool(fields.truth(spec.options.get("outside"), "outside"))
    except ValueError as error:
        raise SettingError(f"{spec.text}: {error}") from None


def read_file(path: Path, *, outside: bool = False) -> Records:
    """Read the annotation file `path`; see `read_records`.

    Raises:
        DataError: not JSON, a field twice in one record, not in COCO's form, and what `read_records` raises it for.
    """
    content = read_json(path, "COCO annotations")
    try:
        return read_records(path, content, outside=outside)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        got = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{path}: expected COCO's instances form (images, categories, annotations with area, bbox, segmentation), "
            f"got {got}; use an instances_*.json file"
        ) from None


def _annotation_file(spec: Spec, root: Path, split: str | None, layout: Layout) -> tuple[Path, str]:
    """The annotation file and the name of its split."""
    if "annotations" in spec.options:
        named = path_of(spec.options["annotations"])
        path = root / named if (root / named).is_file() else named
        if not path.is_file():
            raise DataError(f"{spec.text}: expected an annotation file at {root / named} or {named}, got none")
        return path, split or path.stem.removeprefix("instances_")
    known: dict[str, Path] = {}
    for below in layout.folders:
        for path in sorted(root.glob(f"{below}*.json")):
            if (match := layout.names.fullmatch(path.stem)) is not None:
                known.setdefault(match[1], path)
    known = known or {path.parent.name: path for path in sorted(root.glob(f"*/{_ROBOFLOW}"))}
    if not known and (root / _ROBOFLOW).is_file():
        return root / _ROBOFLOW, split or real(root).name
    if not known:
        do = "check the path, or name the file with ?annotations=FILE"
        folder = root / layout.folders[0]
        raise DataError(f"{spec.text}: expected {layout.form} in {folder}, got no such file; {do}")
    split = files.likely_split(spec, split, known, "val")
    return known[split], split


def _image_folder(spec: Spec, root: Path, split: str, index: Index, layout: Layout) -> tuple[Path, int]:
    """The first likely folder that holds one of the images, and how many folders of their names are not there."""
    if "images" in spec.options:
        chosen = path_of(spec.options["images"])
        candidates = [root / chosen, chosen]
    else:
        of_file = index.path.stem.removeprefix("instances_")
        names = dict.fromkeys((of_file, split))
        candidates = [
            *([index.path.parent] if index.path.name == _ROBOFLOW else []),
            *(root / name for name in names),
            *(root / "images" / name for name in names),
            root / "images",
            root,
        ]
    named = [entry for entry in index.records.entries if entry.file.name]
    if not named:
        first = index.records.entries[0]
        got = f"none among {len(index.records.entries)}, the first ({first.name}) because of: {first.problem}"
        raise DataError(f"{index.path}: expected an image whose file can be named, got {got}; correct the file names")
    for folder in candidates:
        if folder.is_dir() and any(files.is_there(folder / entry.file) for entry in named):
            return folder, 0
    few = named[:: len(named) // _LOOKED_AT + 1] if layout.outer else []
    for outer in range(1, max((len(entry.file.parts) for entry in few), default=0)):
        for folder in candidates:
            if any(files.is_there(folder / Path(*entry.file.parts[outer:])) for entry in few):
                return folder, outer
    tried = ", ".join(str(folder) for folder in dict.fromkeys(candidates))
    got = "none of its images there"
    raise DataError(f"{spec.text}: expected the images of {index.path} in {tried}, got {got}; use ?images=DIR")


def _by_id(annotations: Path, index: Index) -> dict[str, CocoImage]:
    """The images by the names of their files; those that have none by what the file calls them."""
    named = [entry for entry in index.records.entries if entry.file.name]
    ids = files.name_ids([entry.file for entry in named])
    if len({str(entry.file) for entry in named}) < len(named):
        raise DataError(f"{annotations}: expected each file_name once, got one twice; correct the file")
    taken = set(ids)
    by_id: dict[str, CocoImage] = {}
    rest = iter(ids)
    for entry in index.records.entries:
        name = next(rest) if entry.file.name else entry.name
        while not entry.file.name and name in taken:
            name += "'"
        by_id[name] = entry
    return by_id
