"""`cityscapes:DIR`: Cityscapes, street scenes with fine labels.

Layout, labels, their ids and train ids: github.com/mcordts/cityscapesScripts, README.md and
cityscapesscripts/helpers/labels.py.
"""

from __future__ import annotations

from typing import Final

from foolscape.data import files
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.legend import Legend, numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import IDS, TRAIN_IDS, Folders, Naming, choose_labels, find_split, open_pairs
from foolscape.data.sample import VOID
from foolscape.errors import DataError
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

CLASSES: Final = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""Names of the train ids 0 to 18."""

ID_OF_CLASS: Final = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label id of each class; the other ids up to 33, parking or caravan, are void."""

_HIGHEST_ID: Final = 33
_LICENSE_PLATE: Final = 255
"""The id -1 in 8 bits."""

_SPLITS: Final = ("val", "train")
_NAMINGS: Final = {
    IDS: Naming("_gtFine_labelIds.png", "_leftImg8bit"),
    TRAIN_IDS: Naming("_gtFine_labelTrainIds.png", "_leftImg8bit"),
}


def legends() -> dict[str, Legend]:
    """What label maps mean, by their kind."""
    of_ids = {**dict.fromkeys((*range(_HIGHEST_ID + 1), _LICENSE_PLATE), VOID)}
    of_ids.update({number: place for place, number in enumerate(ID_OF_CLASS)})
    return {IDS: Legend(CLASSES, of_ids), TRAIN_IDS: numbered(CLASSES)}


def open_cityscapes(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `cityscapes:DIR[?labels=ids|trainIds&annotated=stored|upright]`, by default val.

    DIR has leftImg8bit/SPLIT/CITY/*_leftImg8bit.png and gtFine/SPLIT/CITY/*_gtFine_labelIds.png, or _labelTrainIds.png.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, an empty split, or test, whose labels are not public.
    """
    spec.only("labels", "annotated")
    root = files.directory(spec)
    if split == "test":
        do = f"use val, or folder:{root / 'leftImg8bit' / 'test'} for images without labels"
        raise DataError(f"{spec.text}: expected a split with labels, got test, whose label maps are void; {do}")
    folders = {name: f"leftImg8bit/{name}" for name in _SPLITS}
    expected = "the folders leftImg8bit/val and gtFine/val, or those of train"
    split, images = find_split(spec, root, split, folders, "val", expected)
    labels = root / "gtFine" / split
    kind, why = choose_labels(spec, labels, _NAMINGS)
    remarks = (f"{why}: {len(CLASSES)} classes, all other labels are void",)
    return open_pairs(spec, split, Folders(images, labels, _NAMINGS[kind]), legends()[kind], remarks)


RECORD: Final = DataSet(
    name="cityscapes",
    form="cityscapes:DIR[?labels=ids|trainIds]",
    description="Cityscapes, street scenes: fine labels of 19 classes; DIR has leftImg8bit and gtFine",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_cityscapes)},
)
