"""`pascal-context:DIR`: PASCAL Context, VOC 2010 with labels of whole scenes, 59 classes or 60 with background.

Layout and values: what the converter of MMSegmentation writes (its guide to preparing data sets, and
tools/dataset_converters/pascal_context.py): the classes in the order of their ids among the 459 labels, that of the
alphabet.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from foolscape.data import upright
from foolscape.data.dataset import DataSet
from foolscape.data.labels.legend import Legend, numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.sample import VOID
from foolscape.data.voc import read_listing
from foolscape.errors import unknown
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

_TRUTH: Final = "SegmentationClassContext"


def legends() -> dict[str, Legend]:
    """What label maps mean, by the number of classes."""
    return {"59": numbered(CLASSES, void=(0, VOID), first=1), "60": numbered(("background", *CLASSES))}


def open_pascal_context(spec: Spec, split: str | None = None, classes: tuple[str, ...] | None = None) -> Pairs:
    """List a split of `pascal-context:DIR[?classes=59|60&year=2010&annotated=stored|upright]`, by default val.

    Args:
        spec: DIR is VOCdevkit or VOC2010 in it, with JPEGImages, SegmentationClassContext and the lists in
            ImageSets/SegmentationContext.
        split: name of a list.
        classes: the model's class names: where the spec says nothing, 60 of them choose the 60 with background.

    Raises:
        UnknownNameError: a split, year, option or number of classes that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    spec.only("classes", "year", "annotated")
    known = legends()
    chosen = spec.options.get("classes")
    if chosen is not None and chosen not in known:
        raise unknown(f"number of classes in {spec.text}", chosen, known)
    count = chosen or ("60" if classes is not None and len(classes) == 60 else "59")
    rest = {name: value for name, value in spec.options.items() if name != "classes"}
    listing = read_listing(dataclasses.replace(spec, options=rest), split, "SegmentationContext", _TRUTH)
    pairs, notes = listing.pairs(_TRUTH, ".png")
    why = {
        "59": "59 classes: label value 0, background, is void; ?classes=60 makes it a class",
        "60": "60 classes: label value 0 is background; ?classes=59 makes it void",
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
