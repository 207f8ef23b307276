"""`coco:DIR` for detection: the boxes of a COCO file, with its own classes, COCO's 80 or VOC's 20."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foolscape.data import files
from foolscape.data.boxes.annotated import AnnotatedImages, Annotation
from foolscape.data.coco_annotations import Annotation as CocoAnnotation
from foolscape.data.coco_annotations import Box
from foolscape.data.coco_classes import choose
from foolscape.data.coco_index import COCO, OPTIONS, CocoSplit, Layout, find
from foolscape.data.coco_masks import extent
from foolscape.data.coco_records import CocoImage
from foolscape.data.fields import Key
from foolscape.metrics.boxes import EVERYWHERE, Truth
from foolscape.spec import Spec

_NAMED = 5
"""How many missing images a note names."""


@dataclass(frozen=True)
class _Objects:
    """The objects of a split that are of its classes.

    Attributes:
        source: the files, and what the annotation file says of each image.
        classes: names of the classes.
        values: class of each category id that is one of the classes.
    """

    source: CocoSplit
    classes: tuple[str, ...]
    values: Mapping[Key, int]

    def read(self, sample_id: str) -> Annotation:
        """The objects of an image, the largest first."""
        entry = self.source.entries[sample_id]
        return Annotation(self.source.where(entry), (entry.height, entry.width), lambda size: self._truth(entry, size))

    def decides(self, sample_id: str) -> tuple[str]:
        """The boxes of an image and what each category means."""
        entry = self.source.entries[sample_id]
        objects = [
            # The mask counts where there is no box.
            (self.values[item.category], item.area, item.crowd, item.shape if item.box is None else item.box)
            for item in self._of(entry)
        ]
        described = [entry.problem, entry.height, entry.width, self.classes, objects]
        return (json.dumps([*described, self._unknown(entry)] if entry.absent is not None else described),)

    def _of(self, entry: CocoImage) -> list[CocoAnnotation]:
        return [item for item in entry.annotations if item.category in self.values]

    def _truth(self, entry: CocoImage, size: tuple[int, int]) -> Truth:
        """The objects as the file has them, in an image of `size` (H, W); `ValueError` for one without box and mask."""
        objects = [(_box(item, size), item) for item in self._of(entry)]
        objects.sort(key=lambda pair: -_area(pair[0], pair[1], size))
        unknown = self._unknown(entry)
        corners = [(x, y, x + width, y + height) for (x, y, width, height), _ in objects]
        return Truth(
            np.array([*corners, *[EVERYWHERE] * len(unknown)], np.float64).reshape(-1, 4),
            np.array([*(self.values[item.category] for _, item in objects), *unknown], np.int64),
            np.zeros(len(objects) + len(unknown), np.bool_),
            np.array([*(item.crowd for _, item in objects), *[True] * len(unknown)], np.bool_),
            np.array([*(item.area for _, item in objects), *[0.0] * len(unknown)], np.float64),
        )

    def _unknown(self, entry: CocoImage) -> list[int]:
        """The classes that nobody looked for in an image, or of which not all objects are marked."""
        if entry.absent is None:
            return []
        known = (entry.absent | {item.category for item in entry.annotations}) - entry.partly
        return sorted({value for key, value in self.values.items() if key not in known})


def _box(item: CocoAnnotation, size: tuple[int, int]) -> Box:
    """The box that the file gives, or that of the mask."""
    box = extent(item, size) if item.box is None else item.box
    if box is None:
        raise ValueError(f"expected a bbox of four numbers, or a mask, for annotation {item.name}, got neither")
    return box


def _area(box: Box, item: CocoAnnotation, size: tuple[int, int]) -> float:
    """What the objects are put in order by: the area, or where `check_boxes` will not take it, that of the box."""
    area = item.area if 0 <= item.area <= size[0] * size[1] else box[2] * box[3]
    return 0.0 if math.isnan(area) else area


def open_coco_boxes(spec: Spec, split: str | None = None, layout: Layout = COCO) -> AnnotatedImages:
    """List every image of a split, by default val, of `coco:DIR[?classes=own|coco|voc]` with the options of `find`.

    Where the file says of its images which classes were looked for, as LVIS does, detections of others count nowhere.

    Args:
        spec: names the files as `find` has it. The classes are COCO's 80 where all categories are of these, else the
            file's own, unless `classes` says which; objects of other categories are then left out.
        split: such as val2017, or val where that is clear.
        layout: how the set is published.

    Raises:
        UnknownNameError: an option, class set or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged, or without categories.
    """
    spec.only(*OPTIONS)
    source = find(spec, split, layout)
    chosen = choose(spec, source.index)
    objects = _Objects(source, chosen.classes, chosen.values)
    remarks = (*source.notes, *source.index.records.notes, *chosen.notes, *_federated(source))
    images = {name: source.images / entry.file for name, entry in source.entries.items()}
    notes = (chosen.why, _how_many(source, chosen.values), *_missing(source, images), *remarks)
    unusable = {name: why for name, entry in source.entries.items() if (why := source.problem(entry)) is not None}
    return AnnotatedImages(
        spec.text,
        source.split,
        chosen.classes,
        notes,
        images,
        objects.read,
        objects.decides,
        source.frame,
        unusable,
        {name: entry.tags for name, entry in source.entries.items() if entry.tags},
    )


def _how_many(source: CocoSplit, values: Mapping[Key, int]) -> str:
    total = len(source.entries)
    without = sum(all(item.category not in values for item in entry.annotations) for entry in source.entries.values())
    return f"{total} images, {without} of them without an object of these classes" if without else f"{total} images"


def _federated(source: CocoSplit) -> tuple[str, ...]:
    count = sum(entry.absent is not None for entry in source.entries.values())
    if not count:
        return ()
    return (
        f"{count} images say which classes were looked for in them (neg_category_ids): detections of others, and those "
        "beside the objects of classes that are not marked throughout, count nowhere, as in LVIS' own score; that "
        "takes 300 detections of an image, COCO's 100 of each class",
    )


def _missing(source: CocoSplit, images: Mapping[str, Path]) -> tuple[str, ...]:
    entries = source.entries.items()
    absent = [str(entry.file) for name, entry in entries if entry.file.name and not files.is_there(images[name])]
    if not absent:
        return ()
    listed = ", ".join(absent[:_NAMED]) + (f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else "")
    return (f"{len(absent)} of {len(source.entries)} images are missing in {source.images}: {listed}",)
