"""`camvid:DIR`: CamVid, road scenes, in the folders of the SegNet tutorial."""

from __future__ import annotations

from typing import Final

from foolscape.data import files, upright
from foolscape.data.labels.legend import numbered
from foolscape.data.labels.pairs import Pairs
from foolscape.data.walking import walk
from foolscape.errors import DataError
from foolscape.spec import Spec
from foolscape.strict import LossNote

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
    frame = upright.frame_option(spec)
    root = files.directory(spec)
    there = [name for name in SPLITS if (root / name).is_dir()]
    if not there:
        want = ", ".join(f"{name} and {name}annot" for name in SPLITS)
        got = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "an empty folder"
        raise DataError(f"{spec.text}: expected the folders {want} (at least one pair) in {root}, got {got}")
    split = files.pick_split(spec, split, there, "test")
    labels = root / f"{split}annot"
    if not labels.is_dir():
        raise DataError(f"{spec.text}: expected label maps in {labels}, got no such folder; use folder:{root / split}")
    listing = walk(root / split, recursive=False)
    paths = listing.images
    if not paths:
        raise DataError(f"{spec.text}: expected images in {root / split}, got none; check the path or the split")
    pairs = ((root / split / path, labels / f"{path.stem}.png") for path in paths)
    unused = {path.stem for path in labels.glob("*.png")} - {path.stem for path in paths}
    notes = [f"label value {_VOID_IN_FILES} is void", *listing.notes]
    if unused:
        notes.append(LossNote(f"{len(unused)} label maps in {labels.name} have no image and were left out"))
    legend = numbered(CLASSES, void=(_VOID_IN_FILES,))
    return Pairs(spec.text, split, tuple(notes), dict(zip(files.name_ids(paths), pairs, strict=True)), legend, frame)
