"""`coco:DIR`: label maps from the instance masks of COCO, with VOC's 21 classes or COCO's own 81."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from foolscape.data import files, upright, voc
from foolscape.data.coco_index import CORRECT, OPTIONS, CocoSplit, find
from foolscape.data.coco_masks import paint, shows
from foolscape.data.coco_records import CocoImage
from foolscape.data.fields import Key
from foolscape.data.sample import Sample
from foolscape.errors import DataError, SampleError, unknown
from foolscape.spec import Spec

CATEGORIES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""The 80 categories in the order of their ids."""

CLASS_SETS: dict[str, tuple[str, ...]] = {"voc": voc.CLASSES, "coco": ("background", *CATEGORIES)}
"""Names of the label values by what `?classes=` may say."""

# Categories that VOC knows under another name; the other twelve have the same name in both.
_VOC_NAMES = {
    "airplane": "aeroplane",
    "couch": "sofa",
    "dining table": "diningtable",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "tv": "tvmonitor",
}


@dataclass(frozen=True)
class Coco:
    """One split of COCO; implements `SegmentationData`.

    Attributes:
        spec: the spec it was opened by.
        classes: names of the label values.
        notes: how the labels were made, which images were left out.
        source: the files.
        entries: what the annotation file says of each image that is used, by sample id.
        values: label value of each category id, without those that are background.
    """

    spec: str
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    source: CocoSplit
    entries: Mapping[str, CocoImage]
    values: Mapping[Key, int]

    @property
    def split(self) -> str:
        """Such as val2017."""
        return self.source.split

    @property
    def ids(self) -> tuple[str, ...]:
        """File names without extension, in the order of the image ids."""
        return tuple(self.entries)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the image's bytes, its annotations and what each category means."""
        entry = files.fetch(self.entries, sample_id, self.spec)
        drawn = [(self.values.get(item.category, 0), item.crowd, item.shape) for item in entry.annotations]
        described = json.dumps([entry.problem, entry.height, entry.width, self.classes, drawn])
        return files.digest(self.source.images / entry.file, described)

    def load(self, sample_id: str) -> Sample:
        """Image and painted labels; raises `SampleError` if the image or a mask cannot be used."""
        files.fetch(self.entries, sample_id, self.spec)
        entry, picture, where = self.source.read(sample_id, self.spec)
        labelled_size, frame = (entry.height, entry.width), self.source.frame
        try:
            labels, notes = upright.settle(
                where,
                picture.turn,
                labelled_size,
                frame,
                lambda size: paint(entry, self.values, size),
                upright.turn_labels,
                np.array_equal,
            )
        except ValueError as error:
            raise SampleError(f"{where}: {error}; {CORRECT}") from None
        return Sample(sample_id, picture.image, labels, picture.notes + notes)


def open_coco(spec: Spec, split: str | None = None, classes: tuple[str, ...] | None = None) -> Coco:
    """List a split, by default val, of `coco:DIR[?classes=voc|coco]` with the options of `find`.

    Args:
        spec: DIR has annotations/instances_SPLIT.json and the images in SPLIT, images/SPLIT, images or DIR itself.
        split: such as val2017, or val where that is clear.
        classes: the model's class names; where the spec says nothing they choose between VOC's and COCO's.

    Raises:
        UnknownNameError: an option, class set or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has unknown categories.
    """
    spec.only(*OPTIONS)
    choice, why = _choose_classes(spec, classes)
    source = find(spec, split, CATEGORIES)
    names = CLASS_SETS[choice]
    values = class_values(source.index.records.categories, names)
    listed = {
        name: entry
        for name, entry in source.entries.items()
        if (shows(entry, values, source.size(entry)) if choice == "voc" else entry.annotations or entry.problem)
    }
    if not listed:
        want = "an image that shows a VOC class" if choice == "voc" else "an image with an annotation"
        got = f"none among {len(source.entries)}"
        raise DataError(f"{source.index.path}: expected {want}, got {got}; use other annotations")
    notes = (why, *_notes(choice, len(listed), len(source.entries)), *source.index.records.notes)
    return Coco(spec.text, names, notes, source, listed, values)


def _choose_classes(spec: Spec, classes: tuple[str, ...] | None) -> tuple[str, str]:
    """Which class set to use, and why."""
    chosen = spec.options.get("classes")
    if chosen is not None:
        if chosen not in CLASS_SETS:
            raise unknown(f"class set in {spec.text}", chosen, CLASS_SETS)
        return chosen, f"{len(CLASS_SETS[chosen])} classes of {chosen.upper()}, as the spec says"
    if classes is None:
        return "coco", "81 classes of COCO, its own; ?classes=voc for the 21 of VOC"
    names = {name.casefold() for name in classes} - {"background"}
    of_voc, of_coco = len(names & set(voc.CLASSES)), len(names & set(CATEGORIES))
    choice = "voc" if of_voc > of_coco else "coco"
    why = f"of the model's {len(classes)} class names {of_voc} are VOC's and {of_coco} are COCO's"
    return choice, f"{len(CLASS_SETS[choice])} classes of {choice.upper()}, because {why}"


def class_values(categories: Mapping[Key, str], names: tuple[str, ...]) -> dict[Key, int]:
    """Place in the classes `names` of each id of `categories` that is one of them, by its own or its VOC name."""
    value = {name: number for number, name in enumerate(names)}
    own = {number: value.get(name, value.get(_VOC_NAMES.get(name, ""))) for number, name in categories.items()}
    return {number: index for number, index in own.items() if index is not None}


def _notes(choice: str, listed: int, total: int) -> tuple[str, ...]:
    painted = "labels painted from instance masks, small objects on top of large ones; crowds are void"
    if choice == "voc":
        painted += " (ignored outside VOC's categories); other categories are background"
    left_out = f"{listed} of {total} images {'show a VOC class' if choice == 'voc' else 'have an annotation'}"
    return painted, f"{left_out}, the others are left out" if listed < total else left_out
