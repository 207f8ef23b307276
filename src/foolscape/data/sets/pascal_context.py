"""`pascal-context:DIR`: PASCAL Context, VOC 2010 with labels of whole scenes, 59 classes or 60 with background.

Layout and values: those of the archives (cs.stanford.edu/~roozbeh/pascal-context): trainval/*.mat with the 459 labels
of labels.txt, 59_context_labels/*.png with those of 59_labels.txt; or what the converter of MMSegmentation writes (its
guide to preparing data sets, and tools/dataset_converters/pascal_context.py): the classes in the order of their ids
among the 459 labels, that of the alphabet. The lists of the former are VOC 2010's own.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.class_names import plain
from foolscape.data import files, upright
from foolscape.data.dataset import DataSet
from foolscape.data.fields import shown
from foolscape.data.labels.legend import Legend, numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.sample import VOID
from foolscape.data.voc import has_lists, read_listing, year_folder
from foolscape.errors import DataError, unknown
from foolscape.regular import read_text
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

CLASSES: Final = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle", "building", "bus",
    "cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow", "cup", "curtain", "dog", "door", "fence",
    "floor", "flower", "food", "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain", "mouse",
    "person", "plate", "platform", "pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky", "snow",
    "sofa", "table", "track", "train", "tree", "truck", "tvmonitor", "wall", "water", "window", "wood",
)  # fmt: skip
"""Names of the label values 1 to 59; 0 is background."""


@dataclass(frozen=True)
class _Truth:
    """A form of the label maps: their folder, their extension, the file that names their values, if there is one."""

    folder: str
    extension: str
    names: str | None


_TRUTHS: Final = (
    _Truth("SegmentationClassContext", ".png", None),
    _Truth("trainval", ".mat", "labels.txt"),
    _Truth("59_context_labels", ".png", "59_labels.txt"),
)
_NAME: Final = re.compile(r"(\d{1,5})\s*:\s*(\S.*)", re.ASCII)


def legends(root: Path, truth: _Truth) -> dict[str, Legend]:
    """What label maps mean, by the number of classes; raises `DataError` where the file of names is not sound."""
    if truth.names is None:
        return {"59": numbered(CLASSES, void=(0, VOID), first=1), "60": numbered(("background", *CLASSES))}
    values = _values(root / truth.names)
    known = {plain(name): place for place, name in enumerate(CLASSES)}
    places = {value: known.get(plain(name)) for value, name in values.items()}
    if missing := [name for place, name in enumerate(CLASSES) if place not in places.values()]:
        got = f"no {', '.join(missing[:5])} among {len(values)}"
        raise DataError(f"{root / truth.names}: expected the names of all 59 classes, got {got}; download it again")
    of_59 = {value: VOID if place is None else place for value, place in places.items()}
    of_60 = {value: 0 if place is None else place + 1 for value, place in places.items()}
    return {"59": Legend(CLASSES, {0: VOID, **of_59}), "60": Legend(("background", *CLASSES), {0: 0, **of_60})}


def _values(path: Path) -> dict[int, str]:
    """The names of label values, `12: bag` a line."""
    try:
        lines = [line.strip() for line in read_text(path).split("\n")]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected the names of the labels, got {error}; download it again") from None
    values: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        match = _NAME.fullmatch(line)
        if match is None or int(match[1]) in values:
            got = f"{shown(line)} in line {number}"
            raise DataError(f"{path}: expected a number and its name, 12: bag, each once, got {got}; download it again")
        values[int(match[1])] = match[2]
    return values


def open_pascal_context(spec: Spec, split: str | None = None, classes: tuple[str, ...] | None = None) -> Pairs:
    """List a split of `pascal-context:DIR[?classes=59|60&year=2010&annotated=stored|upright]`, by default val.

    Args:
        spec: DIR is VOCdevkit or VOC2010 in it, with JPEGImages, label maps in SegmentationClassContext, trainval or
            59_context_labels, and lists in ImageSets/SegmentationContext, else those in ImageSets/Main.
        split: name of a list.
        classes: the model's class names: where the spec says nothing, 60 of them choose the 60 with background.

    Raises:
        UnknownNameError: a split, year, option or number of classes that is not there.
        DataError: no such folder, another layout, an empty list, or names of labels that lack some of the classes.
    """
    spec.only("classes", "year", "annotated")
    chosen = spec.options.get("classes")
    if chosen is not None and chosen not in ("59", "60"):
        raise unknown(f"number of classes in {spec.text}", chosen, ("59", "60"))
    count = chosen or ("60" if classes is not None and len(classes) == 60 else "59")
    inner = dataclasses.replace(
        spec, options={name: value for name, value in spec.options.items() if name != "classes"}
    )
    task = "SegmentationContext" if has_lists(files.directory(spec), "SegmentationContext") else "Main"
    root = year_folder(inner, task)
    truth = next((one for one in _TRUTHS if files.is_folder(root / one.folder)), _TRUTHS[0])
    known = legends(root, truth)
    listing = read_listing(inner, split, task, truth.folder)
    pairs, notes = listing.pairs(truth.folder, truth.extension)
    what = "label value 0" if truth.names is None else f"0 and the labels of {truth.names} that are none of them"
    why = {
        "59": f"59 classes: {what}, background, is void; ?classes=60 makes it a class",
        "60": f"60 classes: {what} is background; ?classes=59 makes it void",
    }[count]
    frame, legend = upright.frame_option(spec), known[count]
    return Pairs(spec.text, listing.split, (why, *listing.notes, *notes), pairs, legend, frame, (legend.text,))


RECORD: Final = DataSet(
    name="pascal-context",
    form="pascal-context:DIR[?classes=59|60]",
    description="PASCAL Context: labels of 59 classes, or 60 with background; DIR is VOCdevkit or VOC2010 in it",
    splits=("val", "train"),
    openers={SEGMENTATION.name: open_pascal_context},
)
