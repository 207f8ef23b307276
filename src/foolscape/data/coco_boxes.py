"""`coco:DIR` for detection: the boxes of COCO, with its own 80 classes or VOC's 20."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foolscape.data import files, voc
from foolscape.data.boxes import DetectionSample, check_boxes
from foolscape.data.coco import CATEGORIES, class_values
from foolscape.data.coco_index import Found, find
from foolscape.data.coco_masks import Annotation, Entry
from foolscape.data.images import read_image
from foolscape.errors import unknown
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
        split: such as val2017.
        classes: names of the object classes.
        notes: which objects count, what is missing.
        entries: what the annotation file says of each image, by sample id.
        images: the image folder.
        annotations: the annotation file.
        values: class of each category id that is one of the classes.
    """

    spec: str
    split: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    entries: Mapping[str, Entry]
    images: Path
    annotations: Path
    values: Mapping[int, int]

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without extension, in the order of the image ids: every image of the file, as COCO's AP has it."""
        return tuple(self.entries)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the image's bytes, its boxes and what each category means."""
        entry = files.fetch(self.entries, sample_id, self.spec)
        objects = [(self.values[item.category], item.area, item.crowd, item.box) for item in self._objects(entry)]
        described = json.dumps([entry.height, entry.width, self.classes, objects])
        return files.digest(self.images / entry.file, described)

    def load(self, sample_id: str) -> DetectionSample:
        """Image and objects, the largest first; raises `SampleError` if the image cannot be used or has another size.

        Boxes without area inside the image are left out and those that reach beyond it clipped, with a note.
        """
        entry = files.fetch(self.entries, sample_id, self.spec)
        image, notes = read_image(self.images / entry.file)
        size = (entry.height, entry.width)
        files.check_size(f"{entry.file} in {self.annotations}", size, image)
        objects = self._objects(entry)
        boxes = [(x, y, x + width, y + height) for x, y, width, height in (item.box for item in objects)]
        truth, changes = check_boxes(
            Truth(
                np.array(boxes, np.float64).reshape(-1, 4),
                np.array([self.values[item.category] for item in objects], np.int64),
                np.zeros(len(objects), np.bool_),
                np.array([item.crowd for item in objects], np.bool_),
                np.array([item.area for item in objects], np.float64),
            ),
            size,
        )
        return DetectionSample(sample_id, image, truth, notes + changes)

    def _objects(self, entry: Entry) -> list[Annotation]:
        return [item for item in entry.annotations if item.category in self.values]


def open_coco_boxes(spec: Spec, split: str | None = None) -> CocoBoxes:
    """List every image of a split of `coco:DIR[?classes=coco|voc][&annotations=FILE][&images=DIR]`, by default val.

    Args:
        spec: DIR has annotations/instances_SPLIT.json and the images in SPLIT, images/SPLIT or images. The classes are
            COCO's 80 unless it says VOC's 20; objects of other categories are then left out.
        split: such as val2017, or val where that is clear.

    Raises:
        UnknownNameError: an option, class set or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has unknown categories.
    """
    spec.only("classes", "annotations", "images")
    choice = spec.options.get("classes", "coco")
    if choice not in CLASS_SETS:
        raise unknown(f"class set in {spec.text}", choice, CLASS_SETS)
    classes = CLASS_SETS[choice]
    found = find(spec, split, CATEGORIES)
    values = class_values(found.index, classes)
    notes = (_which_objects(choice), _how_many(found, values), *_missing(found))
    return CocoBoxes(spec.text, found.split, classes, notes, found.entries, found.images, found.index.path, values)


def _which_objects(choice: str) -> str:
    if choice == "coco":
        return "80 classes of COCO; ?classes=voc for the 20 of VOC"
    return "20 classes of VOC; objects of other categories are left out, the images that show them are not"


def _how_many(found: Found, values: Mapping[int, int]) -> str:
    total = len(found.entries)
    without = sum(all(item.category not in values for item in entry.annotations) for entry in found.entries.values())
    return f"{total} images, {without} of them without an object of these classes" if without else f"{total} images"


def _missing(found: Found) -> tuple[str, ...]:
    absent = [entry.file for entry in found.entries.values() if not (found.images / entry.file).is_file()]
    if not absent:
        return ()
    listed = ", ".join(absent[:_NAMED]) + (f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else "")
    return (f"{len(absent)} of {len(found.entries)} images are missing in {found.images}: {listed}",)
