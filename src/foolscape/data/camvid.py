"""`camvid:DIR`: CamVid, road scenes, in the folders of the SegNet tutorial."""

from __future__ import annotations

from typing import Final

from foolscape.data import files
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.labels.published import Folders, find_split, open_pairs
from foolscape.spec import Spec

CLASSES: Final = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
)  # fmt: skip
"""Names of the label values 0 to 10; 11 is void in the files."""

SPLITS: Final = ("train", "val", "test")
_VOID_IN_FILES: Final = 11


def open_camvid(spec: Spec, split: str | None = None) -> Pairs:
    """List a split of `camvid:DIR`, by default test, from DIR/{train,val,test} and DIR/{train,val,test}annot.

    `?annotated=stored|upright` says what labels of images were made on that an EXIF tag turns.

    Raises:
        UnknownNameError: a split that is not there, or an option.
        DataError: no such folder, another layout, or an empty split.
    """
    spec.only("annotated")
    root = files.directory(spec)
    pairs = ", ".join(f"{name} and {name}annot" for name in SPLITS)
    expected = f"the folders {pairs} (at least one pair)"
    split, images = find_split(spec, root, split, {name: name for name in SPLITS}, "test", expected)
    folders = Folders(images, root / f"{split}annot")
    legend = numbered(CLASSES, void=(_VOID_IN_FILES,))
    return open_pairs(spec, split, folders, legend, [f"label value {_VOID_IN_FILES} is void"], bare=True)
