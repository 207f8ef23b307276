"""`camvid:DIR`: CamVid, road scenes, in the folders of the SegNet tutorial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foolscape.data import files, upright
from foolscape.data.sample import Sample
from foolscape.data.walking import walk
from foolscape.errors import DataError
from foolscape.spec import Spec
from foolscape.strict import LossNote

CLASSES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
)  # fmt: skip
"""Names of the label values 0 to 10; 11 is void in the files."""

SPLITS = ("train", "val", "test")
_VOID_IN_FILES = 11


@dataclass(frozen=True)
class CamVid:
    """One split of CamVid; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        split: train, val or test.
        notes: how void was marked, what was left out.
        images: path of each image by its id, in order.
        labels: the folder of the label maps.
        frame: what `?annotated=` says of images that an EXIF tag turns.
    """

    spec: str
    split: str
    notes: tuple[str, ...]
    images: Mapping[str, Path]
    labels: Path
    frame: str | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The 11 classes."""
        return CLASSES

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without extension, sorted."""
        return tuple(self.images)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of image and label map."""
        return files.digest(*self._pair(sample_id))

    def load(self, sample_id: str) -> Sample:
        """Image and labels, (H, W) with 11 as `VOID`; raises `SampleError` if either cannot be used."""
        image, label = self._pair(sample_id)
        return files.load_pair(sample_id, image, label, len(CLASSES), _VOID_IN_FILES, self.frame)

    def _pair(self, sample_id: str) -> tuple[Path, Path]:
        image = files.fetch(self.images, sample_id, self.spec)
        return image, self.labels / f"{image.stem}.png"


def open_camvid(spec: Spec, split: str | None = None) -> CamVid:
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
    images = dict(zip(files.name_ids(paths), (root / split / path for path in paths), strict=True))
    unused = {path.stem for path in labels.glob("*.png")} - {path.stem for path in paths}
    notes = [f"label value {_VOID_IN_FILES} is void", *listing.notes]
    if unused:
        notes.append(LossNote(f"{len(unused)} label maps in {labels.name} have no image and were left out"))
    return CamVid(spec.text, split, tuple(notes), images, labels, frame)
