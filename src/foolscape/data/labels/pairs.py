"""Images with label maps in files of their own: what every such data set is, whatever its folders look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foolscape.data import files, upright
from foolscape.data.images import ImageSource, read_picture
from foolscape.data.labels.file import read_label_file
from foolscape.data.labels.legend import LabelReader, Legend
from foolscape.data.sample import Sample


@dataclass(frozen=True)
class Pairs:
    """Images and their label maps; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        split: name of the split; None where there are none.
        notes: how void is marked, what was left out.
        paths: of image and label map by id, in order.
        legend: what the pixels of the label maps mean.
        frame: what `?annotated=` says of images that an EXIF tag turns.
        read_with: what decides, beside the two files, what a sample is; part of its fingerprint.
    """

    spec: str
    split: str | None
    notes: tuple[str, ...]
    paths: Mapping[str, tuple[Path, Path]]
    legend: Legend
    frame: str | None = None
    read_with: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the legend."""
        return self.legend.classes

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the images, in the order of the listing."""
        return tuple(self.paths)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of image and label map, and of `read_with`."""
        return files.digest(*files.fetch(self.paths, sample_id, self.spec), *self.read_with)

    def load(self, sample_id: str) -> Sample:
        """Image and labels, (H, W) with `VOID` where nothing counts; raises `SampleError` as `load_pair` does."""
        image, labels = files.fetch(self.paths, sample_id, self.spec)
        return load_pair(sample_id, image, labels, self.legend, self.frame)


def load_pair(
    sample_id: str, image_path: ImageSource, label_path: ImageSource, legend: LabelReader, frame: str | None = None
) -> Sample:
    """The image in one file with the classes in another.

    `frame` is what `?annotated=` says, see `upright.settle`; labels with an EXIF orientation of their own are upright.

    Raises:
        SampleError: a file is missing or damaged, their sizes differ, a pixel holds what is not in the legend, or the
            image was turned and nothing tells whether the labels are to be turned too.
    """
    picture = read_picture(image_path)
    stored = read_label_file(label_path)
    if stored.decoded.orientation > 1:
        frame = "upright"
    labels, notes = upright.settle(
        str(label_path),
        picture.turn,
        stored.shape,
        frame,
        lambda _: legend.read(stored),
        upright.turn_labels,
        np.array_equal,
    )
    if legend.is_black_and_white(stored):
        notes += ("labels of 255 alone beside 0: 255 is void, no class",)
    return Sample(sample_id, picture.image, labels, picture.notes + notes)
