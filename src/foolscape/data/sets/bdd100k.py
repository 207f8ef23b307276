"""`bdd100k:DIR`: the semantic segmentation of BDD100K, on its 10k images.

Classes: github.com/bdd100k/bdd100k, doc/source/format.rst (semantic segmentation), the train ids of Cityscapes; layout:
the folders that its archives, 10K Images and Segmentation, unpack to.
"""

from __future__ import annotations

from typing import Final

from foolscape.data import files
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import Folders, find_split, open_pairs
from foolscape.data.sets.cityscapes import CLASSES
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

_SPLITS: Final = ("val", "train")


def open_bdd100k(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `bdd100k:DIR[?annotated=stored|upright]`, by default val.

    DIR has images/10k/SPLIT/*.jpg and labels/sem_seg/masks/SPLIT/*.png; the labels of test are not public.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or an empty split.
    """
    spec.only("annotated")
    root = files.directory(spec)
    folders = {name: f"images/10k/{name}" for name in (*_SPLITS, "test")}
    expected = "the folders images/10k/val and labels/sem_seg/masks/val, or those of train"
    split, images = find_split(spec, root, split, folders, "val", expected)
    labels = root / "labels/sem_seg/masks" / split
    return open_pairs(spec, split, Folders(images, labels), numbered(CLASSES), ("label value 255 is void",))


RECORD: Final = DataSet(
    name="bdd100k",
    form="bdd100k:DIR",
    description="BDD100K, street scenes: labels of Cityscapes' 19 classes; DIR has images/10k and labels/sem_seg/masks",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_bdd100k)},
)
