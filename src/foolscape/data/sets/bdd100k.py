"""`bdd100k:DIR`: the semantic segmentation of BDD100K, on its 10k images.

Classes: github.com/bdd100k/bdd100k, doc/source/format.rst (semantic segmentation), the train ids of Cityscapes; layout:
the folders that its archives, 10K Images and Segmentation, unpack to, or the one of the archive of 2018, seg.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foolscape.data import files
from foolscape.data.dataset import DataSet, fixed
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import Folders, Naming, find_split, names_below, open_pairs
from foolscape.data.sets.cityscapes import CLASSES
from foolscape.spec import Spec
from foolscape.tasks.base import SEGMENTATION

_OLDER: Final = "_train_id.png"
_SPLITS: Final = ("val", "train")


def open_bdd100k(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `bdd100k:DIR[?annotated=stored|upright]`, by default val.

    DIR has images/10k/SPLIT/*.jpg and labels/sem_seg/masks/SPLIT/*.png, or seg with images/SPLIT/*.jpg and
    labels/SPLIT/*_train_id.png; the labels of test are not public.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or an empty split.
    """
    spec.only("annotated")
    root = files.directory(spec)
    older = next((place for place in ("seg", ".") if _has_older(root / place)), None)
    inner, below = ("images/10k", "labels/sem_seg/masks") if older is None else ("images", "labels")
    root /= older or "."
    folders = {name: f"{inner}/{name}" for name in (*_SPLITS, "test")}
    expected = "the folders images/10k/val and labels/sem_seg/masks/val, or seg/images/val and seg/labels/val"
    split, images = find_split(spec, root, split, folders, "val", expected)
    naming = Naming() if older is None else Naming(_OLDER)
    remarks = ("label value 255 is void", *([] if older is None else [f"label maps *{_OLDER}"]))
    return open_pairs(spec, split, Folders(images, root / below / split, naming), numbered(CLASSES), remarks)


def _has_older(root: Path) -> bool:
    """Whether label maps lie below `root` as in the archive of 2018."""
    return any(name.endswith(_OLDER) for split in _SPLITS for name in names_below(root / "labels" / split))


RECORD: Final = DataSet(
    name="bdd100k",
    form="bdd100k:DIR",
    description="BDD100K, street scenes: labels of Cityscapes' 19 classes; DIR has images/10k and labels/sem_seg/masks",
    splits=_SPLITS,
    openers={SEGMENTATION.name: fixed(open_bdd100k)},
)
