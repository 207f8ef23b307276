"""`voc:DIR`: the segmentation sets of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foolscape.data import files
from foolscape.data.sample import VOID, Sample
from foolscape.errors import DataError, SettingError, unknown
from foolscape.spec import Spec

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""Names of the label values 0 to 20; 255 is void."""


@dataclass(frozen=True)
class Voc:
    """One split of one year of PASCAL VOC; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        split: name of the list in ImageSets/Segmentation.
        notes: the year, what was left out.
        pairs: paths of image and label map by id, in the order of the list.
    """

    spec: str
    split: str
    notes: tuple[str, ...]
    pairs: Mapping[str, tuple[Path, Path]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Background and the 20 classes."""
        return CLASSES

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the list of the split."""
        return tuple(self.pairs)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of image and label map."""
        return files.digest(*files.fetch(self.pairs, sample_id, self.spec))

    def load(self, sample_id: str) -> Sample:
        """Image and labels, (H, W) with object borders as `VOID`; raises `SampleError` if either cannot be used."""
        image, label = files.fetch(self.pairs, sample_id, self.spec)
        return files.load_pair(sample_id, image, label, len(CLASSES), VOID)


def open_voc(spec: Spec, split: str | None = None) -> Voc:
    """List a split of `voc:DIR[?year=YEAR]`, by default val of the newest year; DIR is VOCdevkit or one year in it.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    listing = read_listing(spec, split, "Segmentation", "SegmentationClass")
    return Voc(spec.text, listing.split, listing.notes, listing.pairs("SegmentationClass", ".png"))


@dataclass(frozen=True)
class Listing:
    """A list of images of one year.

    Attributes:
        root: the folder of the year.
        split: name of the list.
        names: of the images, in the order of the list, each once.
        notes: the year, what was left out.
    """

    root: Path
    split: str
    names: tuple[str, ...]
    notes: tuple[str, ...]

    def pairs(self, truth: str, extension: str) -> dict[str, tuple[Path, Path]]:
        """Paths of the image and of the file in the folder `truth` by name, in the order of the list."""
        images, truths = self.root / "JPEGImages", self.root / truth
        return {name: (images / f"{name}.jpg", truths / f"{name}{extension}") for name in self.names}


def read_listing(spec: Spec, split: str | None, task: str, truth: str) -> Listing:
    """The list of a split of `voc:DIR[?year=YEAR]`, by default val of the newest year.

    Args:
        spec: DIR is VOCdevkit or one year in it.
        split: such as train.
        task: the folder in ImageSets that has the lists.
        truth: the folder that has the truth; it must be there.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    spec.only("year")
    lists = Path("ImageSets") / task
    root = _year(spec, files.directory(spec), lists)
    for name in ("JPEGImages", truth):
        if not (root / name).is_dir():
            raise DataError(f"{spec.text}: expected the folder {root / name}, got none; unpack all of VOC")
    split = files.pick_split(spec, split, _splits(root / lists), "val")
    listing = root / lists / f"{split}.txt"
    try:
        lines = listing.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{listing}: expected a list of image names, got {error}; unpack VOC again") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise DataError(f"{listing}: expected a list of image names, got an empty file; unpack VOC again")
    once = tuple(dict.fromkeys(names))
    notes = [f"{root.resolve().name}, split {split}"]
    if len(once) < len(names):
        notes.append(f"{len(names) - len(once)} repeated names in {listing.name} left out")
    return Listing(root, split, once, tuple(notes))


def _splits(folder: Path) -> list[str]:
    """The lists in `folder`, without those of one class such as cat_val, which have a mark behind each name."""
    stems = {path.stem for path in folder.glob("*.txt")}
    of_classes = {f"{name}_{stem}" for name in CLASSES for stem in stems}
    return sorted(stems - of_classes)


def _year(spec: Spec, root: Path, lists: Path) -> Path:
    """The folder of the year that `spec` asks for, or of the newest, with `lists` in it."""
    asked = spec.options.get("year")
    if (root / lists).is_dir():
        if asked is not None and root.resolve().name != f"VOC{asked}":
            got = f"?year={asked} with {root}"
            raise SettingError(f"{spec.text}: expected ?year= only with VOCdevkit, got {got}; leave the option out")
        return root
    years = {path.name[3:]: path for path in sorted(root.glob("VOC[0-9]*")) if (path / lists).is_dir()}
    if not years:
        raise DataError(
            f"{spec.text}: expected VOCdevkit (with VOC2012/{lists.as_posix()}) or one year of it "
            f"(with {lists.as_posix()}), got neither in {root}; check the path"
        )
    if asked is not None and asked not in years:
        raise unknown(f"year of {spec.text}", asked, years)
    return years[asked or max(years)]
