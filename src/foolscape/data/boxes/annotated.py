"""Images with boxes in files: what every such data set is, however its annotations are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from foolscape.data import files, upright
from foolscape.data.boxes import Boxes, DetectionSample, check_boxes, same_boxes, turn_boxes
from foolscape.data.images import read_picture
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Truth

CORRECT: Final = "correct the annotation or leave the image out"
"""What to do about an image that its annotation makes unusable."""


_UNKNOWN: Final = 1000
"""Pixels of a side that is not told, where it does not matter."""


@dataclass(frozen=True)
class Annotation:
    """What a file says of the objects of one image.

    Attributes:
        where: the file, or the place in it, for messages.
        size: (H, W) of the image that the objects were marked on; None for a side that is not told.
        objects: the objects as the file has them in an image of the size (H, W) that it is given, in whose pixels the
            boxes are; `ValueError` for what is no object.
        notes: what was odd in the file.
    """

    where: Path | str
    size: upright.Size
    objects: Callable[[tuple[int, int]], Truth]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AnnotatedImages:
    """Images with boxes; implements `DetectionData`.

    Attributes:
        spec: the spec it was opened by.
        split: name of the split; None where there are none.
        classes: names of the object classes.
        notes: which objects count, what was left out.
        images: path of each image by its id, in order.
        read: what is said of an image, by its id; `SampleError` where that cannot be read.
        decides: what says, beside the image, what a sample is, by its id: files and texts; part of its fingerprint.
        frame: what `?annotated=` says of images that an EXIF tag turns.
        unusable: why an image cannot be used, by its id, where the listing tells already.
        tags: what is said of images beside their objects, by id.
    """

    spec: str
    split: str | None
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    images: Mapping[str, Path]
    read: Callable[[str], Annotation]
    decides: Callable[[str], Sequence[Path | str]]
    frame: str | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the images, in the order of the listing."""
        return tuple(self.images)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the image's bytes and of what `decides`."""
        image = files.fetch(self.images, sample_id, self.spec)
        return files.digest(image, *self.decides(sample_id))

    def shows(self, sample_id: str) -> frozenset[int]:
        """The classes of the objects that count, from the annotation alone; raises `SampleError` if it is none."""
        said = self.read(sample_id)
        height, width = said.size
        try:
            truth = said.objects((height or _UNKNOWN, width or _UNKNOWN))
        except ValueError as error:
            raise SampleError(f"{said.where}: {error}; {CORRECT}") from None
        return frozenset(truth.labels[~truth.crowd].tolist())

    def load(self, sample_id: str) -> DetectionSample:
        """Image and objects; raises `SampleError` if either cannot be used, or they are of different sizes.

        Boxes without area inside the image are left out and those that reach beyond it clipped, with a note.
        """
        image = files.fetch(self.images, sample_id, self.spec)
        if sample_id in self.unusable:
            raise SampleError(self.unusable[sample_id])
        picture = read_picture(image)
        said = self.read(sample_id)

        def make(size: tuple[int, int]) -> Boxes:
            try:
                truth = said.objects(size)
            except ValueError as error:
                raise SampleError(f"{said.where}: {error}; {CORRECT}") from None
            return Boxes(*check_boxes(truth, size), size)

        boxes, notes = upright.settle(said.where, picture.turn, said.size, self.frame, make, turn_boxes, same_boxes)
        return DetectionSample(
            sample_id, picture.image, boxes.truth, picture.notes + said.notes + notes + boxes.changes
        )

    def attributes(self, sample_id: str) -> dict[str, str]:
        """The tags of the image."""
        return dict(self.tags.get(sample_id, {}))


def truth_of(
    corners: Sequence[Sequence[float]],
    labels: Sequence[int],
    difficult: Sequence[bool] | None = None,
    crowd: Sequence[bool] | None = None,
) -> Truth:
    """Objects from their corners x1, y1, x2, y2 in pixels and classes; their area is that of the box."""
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    none = np.zeros(len(labels), np.bool_)
    with np.errstate(all="ignore"):  # what is not finite is left out later, with a note
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return Truth(
        boxes,
        np.array(labels, np.int64),
        none if difficult is None else np.array(difficult, np.bool_),
        none if crowd is None else np.array(crowd, np.bool_),
        area,
    )
