"""`ade20k:DIR`: the scene parsing benchmark of ADE20K, ADEChallengeData2016.

Layout and classes: github.com/CSAILVision/sceneparsing, README.md and objectInfo150.txt (the first name of each line,
in its order; of line 90 there are two forms, and the longer name is the one that models have).
"""

from __future__ import annotations

from typing import Final

from foolscape.data import files
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import Folders, find_split, open_pairs
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

CLASSES: Final = (
    "wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass", "cabinet", "sidewalk",
    "person", "earth", "door", "table", "mountain", "plant", "curtain", "chair", "car", "water", "painting", "sofa",
    "shelf", "house", "sea", "mirror", "rug", "field", "armchair", "seat", "fence", "desk", "rock", "wardrobe", "lamp",
    "bathtub", "railing", "cushion", "base", "box", "column", "signboard", "chest of drawers", "counter", "sand",
    "sink", "skyscraper", "fireplace", "refrigerator", "grandstand", "path", "stairs", "runway", "case", "pool table",
    "pillow", "screen door", "stairway", "river", "bridge", "bookcase", "blind", "coffee table", "toilet", "flower",
    "book", "hill", "bench", "countertop", "stove", "palm", "kitchen island", "computer", "swivel chair", "boat",
    "bar", "arcade machine", "hovel", "bus", "towel", "light", "truck", "tower", "chandelier", "awning", "streetlight",
    "booth", "television receiver", "airplane", "dirt track", "apparel", "pole", "land", "bannister", "escalator",
    "ottoman", "bottle", "buffet", "poster", "stage", "van", "ship", "fountain", "conveyer belt", "canopy", "washer",
    "plaything", "swimming pool", "stool", "barrel", "basket", "waterfall", "tent", "bag", "minibike", "cradle",
    "oven", "ball", "food", "step", "tank", "trade name", "microwave", "pot", "animal", "bicycle", "lake",
    "dishwasher", "screen", "blanket", "sculpture", "hood", "sconce", "vase", "traffic light", "tray", "ashcan", "fan",
    "pier", "crt screen", "plate", "monitor", "bulletin board", "shower", "radiator", "glass", "clock", "flag",
)  # fmt: skip
"""Names of the label values 1 to 150; 0, what belongs to no class, is void."""

_SPLITS: Final = ("validation", "training")
_ALSO: Final = {"val": "validation", "train": "training"}


def open_ade20k(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `ade20k:DIR[?annotated=stored|upright]`, by default validation; val and train are names too.

    DIR, ADEChallengeData2016, has images/SPLIT/*.jpg and annotations/SPLIT/*.png.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or an empty split.
    """
    spec.only("annotated")
    root = files.directory(spec)
    expected = "the folders images/validation and annotations/validation, or those of training (ADEChallengeData2016)"
    folders = {name: f"images/{name}" for name in _SPLITS}
    split, images = find_split(spec, root, split, folders, "validation", expected, _ALSO)
    legend = numbered(CLASSES, void=(0,), first=1)
    remarks = ("label value 0 is void, 1 to 150 are the classes",)
    return open_pairs(spec, split, Folders(images, root / "annotations" / split), legend, remarks)


RECORD: Final = DataSet(
    name="ade20k",
    form="ade20k:DIR",
    description="ADE20K, scenes: labels of 150 classes; DIR is ADEChallengeData2016, with images and annotations",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_ade20k)},
)
