"""`folder:DIR`: photographs without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foolscape.data import files
from foolscape.data.boxes import DetectionSample, SameImages
from foolscape.data.images import read_image
from foolscape.data.sample import Sample
from foolscape.data.walking import walk
from foolscape.errors import DataError, SettingError
from foolscape.spec import Spec


@dataclass(frozen=True)
class Folder:
    """The photographs below a folder; implements `SegmentationData` without truth.

    Attributes:
        spec: the spec it was opened by.
        notes: what was left out.
        images: path of each image by its id, in order.
    """

    spec: str
    notes: tuple[str, ...]
    images: Mapping[str, Path]

    @property
    def classes(self) -> None:
        """None: there is no truth."""
        return None

    @property
    def split(self) -> None:
        """None: a folder has no splits."""
        return None

    @property
    def ids(self) -> tuple[str, ...]:
        """Path relative to the folder without the extension, or with it where two files would share an id."""
        return tuple(self.images)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the file's bytes."""
        return files.digest(files.fetch(self.images, sample_id, self.spec))

    def load(self, sample_id: str) -> Sample:
        """The photograph, without labels; raises `SampleError` if it cannot be used."""
        image, notes = read_image(files.fetch(self.images, sample_id, self.spec))
        return Sample(sample_id, image, None, notes)


def open_folder(spec: Spec, split: str | None = None) -> Folder:
    """List the photographs below `folder:DIR`.

    Raises:
        SettingError: a split was asked for, or an option.
        DataError: no such folder, or no photograph in it.
    """
    spec.only()
    root = files.directory(spec)
    if split is not None:
        raise SettingError(f"{spec.text}: expected no split, since a folder has none, got {split!r}; leave it out")
    listing = walk(root, recursive=True)
    paths = listing.images
    if not paths:
        got = f"only other files ({listing.left_out})" if listing.others else "an empty folder"
        got += f" ({'; '.join(listing.notes)})" if listing.folders else ""
        known = " ".join(sorted(files.IMAGE_EXTENSIONS))
        raise DataError(f"{spec.text}: expected photographs ({known}) below {root}, got {got}; check the path")
    images = dict(zip(files.name_ids(paths), (root / path for path in paths), strict=True))
    return Folder(spec.text, listing.notes, images)


def open_folder_boxes(spec: Spec, split: str | None = None) -> SameImages:
    """List the photographs below `folder:DIR` for detection, without truth; raises as `open_folder` does."""
    folder = open_folder(spec, split)

    def read(sample_id: str) -> DetectionSample:
        sample = folder.load(sample_id)
        return DetectionSample(sample_id, sample.image, None, sample.notes)

    return SameImages(folder, None, (), read)
