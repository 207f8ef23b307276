"""`coco-stuff:DIR`: COCO-Stuff 164k, COCO with labels of things and stuff.

Layout, labels and ids: github.com/nightrome/cocostuff, README.md and labels.txt. Its label maps hold the ids of
labels.txt less one; 11 of the ids have no labels. The converter of MMSegmentation makes `_labelTrainIds.png` of them.
The maps of stuff alone (COCO's stuff task of 2017, stuff_SPLIT_pixelmaps) hold the ids themselves: 92 to 182 are stuff,
183 is all else, 0 unlabelled.
"""

from __future__ import annotations

from typing import Final

from foolscape.data import files
from foolscape.data.coco_classes import CATEGORIES
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.legend import Legend, numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import IDS, TRAIN_IDS, Folders, Naming, choose_labels, find_split, open_pairs
from foolscape.data.sample import VOID
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

STUFF: Final = (
    "banner", "blanket", "branch", "bridge", "building-other", "bush", "cabinet", "cage", "cardboard", "carpet",
    "ceiling-other", "ceiling-tile", "cloth", "clothes", "clouds", "counter", "cupboard", "curtain", "desk-stuff",
    "dirt", "door-stuff", "fence", "floor-marble", "floor-other", "floor-stone", "floor-tile", "floor-wood", "flower",
    "fog", "food-other", "fruit", "furniture-other", "grass", "gravel", "ground-other", "hill", "house", "leaves",
    "light", "mat", "metal", "mirror-stuff", "moss", "mountain", "mud", "napkin", "net", "paper", "pavement", "pillow",
    "plant-other", "plastic", "platform", "playingfield", "railing", "railroad", "river", "road", "rock", "roof",
    "rug", "salad", "sand", "sea", "shelf", "sky-other", "skyscraper", "snow", "solid-other", "stairs", "stone",
    "straw", "structural-other", "table", "tent", "textile-other", "towel", "tree", "vegetable", "wall-brick",
    "wall-concrete", "wall-other", "wall-panel", "wall-stone", "wall-tile", "wall-wood", "water-other", "waterdrops",
    "window-blind", "window-other", "wood",
)  # fmt: skip

CLASSES: Final = (*CATEGORIES, *STUFF)
"""Names of the train ids 0 to 170: COCO's 80 categories, then 91 of stuff."""

MISSING: Final = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
"""Values below 182 that no label map holds: street sign, hat, shoe, eye glasses, plate, mirror, window, desk, door,
blender and hair brush, which COCO names and nobody labelled."""

_HIGHEST: Final = 181
_STUFF_ONLY: Final = "stuff"
_SPLITS: Final = ("val2017", "train2017")
_ALSO: Final = {"val": "val2017", "train": "train2017"}
_NAMINGS: Final = {IDS: Naming(".png", beside=("_labelTrainIds.png",)), TRAIN_IDS: Naming("_labelTrainIds.png")}


def legends() -> dict[str, Legend]:
    """What label maps mean, by their kind."""
    values = [value for value in range(_HIGHEST + 1) if value not in MISSING]
    of_ids = {value: place for place, value in enumerate(values)}
    stuff = numbered((*STUFF, "other"), void=(0,), first=_HIGHEST + 2 - len(STUFF))
    return {IDS: Legend(CLASSES, {**of_ids, VOID: VOID}), TRAIN_IDS: numbered(CLASSES), _STUFF_ONLY: stuff}


def open_coco_stuff(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `coco-stuff:DIR[?labels=ids|trainIds|stuff&annotated=stored|upright]`, by default val2017.

    DIR has images/SPLIT/*.jpg and annotations/SPLIT/*.png, or *_labelTrainIds.png, or the maps of stuff alone in
    annotations/stuff_SPLIT_pixelmaps; val and train are names too.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or an empty split.
    """
    spec.only("labels", "annotated")
    root = files.directory(spec)
    expected = "the folders images/val2017 and annotations/val2017, or those of train2017"
    folders = {name: f"images/{name}" for name in _SPLITS}
    split, images = find_split(spec, root, split, folders, "val2017", expected, _ALSO)
    labels, pixelmaps = (root / "annotations" / name for name in (split, f"stuff_{split}_pixelmaps"))
    only = spec.options.get("labels", _STUFF_ONLY if not files.is_folder(labels) else IDS) == _STUFF_ONLY
    if only and ("labels" in spec.options or files.is_folder(pixelmaps)):
        what = f"label maps of stuff alone: {len(STUFF) + 1} classes, the values 92 to 183; 183 is other; 0 is void"
        return open_pairs(spec, split, Folders(images, pixelmaps), legends()[_STUFF_ONLY], (what,))
    kind, why = choose_labels(spec, labels, _NAMINGS)
    gaps = f", the values 0 to {_HIGHEST} with gaps" if kind == IDS else ""
    remarks = (f"{why}: {len(CLASSES)} classes{gaps}, 255 is void",)
    return open_pairs(spec, split, Folders(images, labels, _NAMINGS[kind]), legends()[kind], remarks)


RECORD: Final = DataSet(
    name="coco-stuff",
    form="coco-stuff:DIR[?labels=ids|trainIds|stuff]",
    description="COCO-Stuff 164k: labels of 171 classes of things and stuff; DIR has images and annotations",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_coco_stuff)},
)
