"""`coco:DIR` for detection: the boxes of COCO, with its own 80 classes or VOC's 20."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foolscape.data import files, upright, voc
from foolscape.data.boxes import Boxes, DetectionSample, check_boxes, same_boxes, turn_boxes
from foolscape.data.coco import CATEGORIES, class_values
from foolscape.data.coco_annotations import Annotation, Box
from foolscape.data.coco_index import CORRECT, OPTIONS, CocoSplit, find
from foolscape.data.coco_masks import extent
from foolscape.data.coco_records import CocoImage
from foolscape.data.fields import Key
from foolscape.errors import SampleError, unknown
from foolscape.metrics.boxes import Truth
from foolscape.spec import Spec

CLASS_SETS: Mapping[str, tuple[str, ...]] = {"coco": CATEGORIES, "voc": voc.CLASSES[1:]}
"""The object classes by what `?classes=` may say."""

_NAMED = 5
"""How many missing images a note names."""


@dataclass(frozen=True)
class CocoBoxes:
    """One split of COCO; implements `DetectionData`.

    Attributes:
        spec: the spec it was opened by.
        classes: names of the object classes.
        notes: which objects count, what is missing.
        source: the files, and what the annotation file says of each image.
        values: class of each category id that is one of the classes.
    """

    spec: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    source: CocoSplit
    values: Mapping[Key, int]

    @property
    def split(self) -> str:
        """Such as val2017."""
        return self.source.split

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without extension, in the order of the image ids: every image of the file, as COCO's AP has it."""
        return tuple(self.source.entries)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the image's bytes, its boxes and what each category means."""
        entry = files.fetch(self.source.entries, sample_id, self.spec)
        objects = [
            # The mask counts where there is no box.
            (self.values[item.category], item.area, item.crowd, item.shape if item.box is None else item.box)
            for item in self._objects(entry)
        ]
        described = json.dumps([entry.problem, entry.height, entry.width, self.classes, objects])
        return files.digest(self.source.images / entry.file, described)

    def load(self, sample_id: str) -> DetectionSample:
        """Image and objects, the largest first; raises `SampleError` if the image cannot be used or has another size.

        Boxes without area inside the image are left out and those that reach beyond it clipped, with a note.
        """
        entry, picture, where = self.source.read(sample_id, self.spec)

        def make(size: tuple[int, int]) -> Boxes:
            return Boxes(*check_boxes(self._truth(entry, size), size), size)

        try:
            boxes, notes = upright.settle(
                where, picture.turn, (entry.height, entry.width), self.source.frame, make, turn_boxes, same_boxes
            )
        except ValueError as error:
            raise SampleError(f"{where}: {error}; {CORRECT}") from None
        return DetectionSample(sample_id, picture.image, boxes.truth, picture.notes + notes + boxes.changes)

    def _objects(self, entry: CocoImage) -> list[Annotation]:
        return [item for item in entry.annotations if item.category in self.values]

    def _truth(self, entry: CocoImage, size: tuple[int, int]) -> Truth:
        """The objects as the file has them, in an image of `size` (H, W); `ValueError` for one without box and mask."""
        objects = [(_box(item, size), item) for item in self._objects(entry)]
        objects.sort(key=lambda pair: -_area(pair[0], pair[1], size))
        return Truth(
            np.array([(x, y, x + width, y + height) for (x, y, width, height), _ in objects]).reshape(-1, 4),
            np.array([self.values[item.category] for _, item in objects], np.int64),
            np.zeros(len(objects), np.bool_),
            np.array([item.crowd for _, item in objects], np.bool_),
            np.array([item.area for _, item in objects], np.float64),
        )


def _box(item: Annotation, size: tuple[int, int]) -> Box:
    """The box that the file gives, or that of the mask."""
    box = extent(item, size) if item.box is None else item.box
    if box is None:
        raise ValueError(f"expected a bbox of four numbers, or a mask, for annotation {item.name}, got neither")
    return box


def _area(box: Box, item: Annotation, size: tuple[int, int]) -> float:
    """What the objects are put in order by: the area, or where `check_boxes` will not take it, that of the box."""
    area = item.area if 0 <= item.area <= size[0] * size[1] else box[2] * box[3]
    return 0.0 if math.isnan(area) else area


def open_coco_boxes(spec: Spec, split: str | None = None) -> CocoBoxes:
    """List every image of a split, by default val, of `coco:DIR[?classes=coco|voc]` with the options of `find`.

    Args:
        spec: DIR has annotations/instances_SPLIT.json and the images in SPLIT, images/SPLIT, images or DIR itself. The
            classes are COCO's 80 unless it says VOC's 20; objects of other categories are then left out.
        split: such as val2017, or val where that is clear.

    Raises:
        UnknownNameError: an option, class set or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has unknown categories.
    """
    spec.only(*OPTIONS)
    choice = spec.options.get("classes", "coco")
    if choice not in CLASS_SETS:
        raise unknown(f"class set in {spec.text}", choice, CLASS_SETS)
    classes = CLASS_SETS[choice]
    source = find(spec, split, CATEGORIES)
    values = class_values(source.index.records.categories, classes)
    notes = (_which_objects(choice), _how_many(source, values), *_missing(source), *source.index.records.notes)
    return CocoBoxes(spec.text, classes, notes, source, values)


def _which_objects(choice: str) -> str:
    if choice == "coco":
        return "80 classes of COCO; ?classes=voc for the 20 of VOC"
    return "20 classes of VOC; objects of other categories are left out, the images that show them are not"


def _how_many(source: CocoSplit, values: Mapping[Key, int]) -> str:
    total = len(source.entries)
    without = sum(all(item.category not in values for item in entry.annotations) for entry in source.entries.values())
    return f"{total} images, {without} of them without an object of these classes" if without else f"{total} images"


def _missing(source: CocoSplit) -> tuple[str, ...]:
    named = [entry.file for entry in source.entries.values() if entry.file.name]
    absent = [str(file) for file in named if not files.is_there(source.images / file)]
    if not absent:
        return ()
    listed = ", ".join(absent[:_NAMED]) + (f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else "")
    return (f"{len(absent)} of {len(source.entries)} images are missing in {source.images}: {listed}",)
