"""`coco:DIR`: label maps from the instance masks of a COCO file, with its own classes, COCO's 81 or VOC's 21."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from foolscape.class_names import plain
from foolscape.data import files, upright, voc
from foolscape.data.boxes.annotated import CORRECT
from foolscape.data.coco_classes import CATEGORIES, fixed_classes, option, own_classes, strangers
from foolscape.data.coco_index import OPTIONS, CocoSplit, find
from foolscape.data.coco_masks import paint, shows
from foolscape.data.coco_records import CocoImage
from foolscape.data.fields import Key
from foolscape.data.sample import VOID, Sample
from foolscape.errors import DataError, SampleError
from foolscape.spec import Spec

BACKGROUND: Final = "background"
"""The class of what no object covers."""

CLASS_SETS: dict[str, tuple[str, ...]] = {"voc": voc.CLASSES, "coco": (BACKGROUND, *CATEGORIES)}
"""Names of the label values by what `?classes=` may say, besides own."""


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

    def attributes(self, sample_id: str) -> dict[str, str]:
        """The further fields of the image in the file."""
        return dict(files.fetch(self.entries, sample_id, self.spec).tags)


def open_coco(spec: Spec, split: str | None = None, classes: tuple[str, ...] | None = None) -> Coco:
    """List a split, by default val, of `coco:DIR[?classes=own|coco|voc]` with the options of `find`.

    Args:
        spec: names the files as `find` has it.
        split: such as val2017, or val where that is clear.
        classes: the model's class names; where the spec says nothing and all categories are COCO's, they choose between
            VOC's and COCO's. A file with other categories has labels of its own.

    Raises:
        UnknownNameError: an option, class set or split that does not exist.
        SettingError: a split that several files fit.
        DataError: no such folder or file, an annotation file that is damaged or has too many categories.
    """
    spec.only(*OPTIONS)
    source = find(spec, split)
    choice, names, values, (why, *remarks) = _chosen(spec, source, classes)
    listed = {
        name: entry
        for name, entry in source.entries.items()
        if (shows(entry, values, source.size(entry)) if choice == "voc" else entry.annotations or entry.problem)
    }
    if not listed:
        want = "an image that shows a VOC class" if choice == "voc" else "an image with an annotation"
        got = f"none among {len(source.entries)}"
        raise DataError(f"{source.index.path}: expected {want}, got {got}; use other annotations")
    notes = (why, *_notes(choice, len(listed), len(source.entries)), *source.index.records.notes, *remarks)
    return Coco(spec.text, names, notes, source, listed, values)


def _chosen(
    spec: Spec, source: CocoSplit, model: tuple[str, ...] | None
) -> tuple[str, tuple[str, ...], dict[Key, int], tuple[str, ...]]:
    """Which classes: what `?classes=` may say, names of the label values, those of the category ids, and notes."""
    choice = option(spec)
    if choice == "own" or (choice is None and strangers(source.index)):
        own = own_classes(spec, source.index)
        names = (BACKGROUND, *(name for name in own.classes if plain(name) != BACKGROUND))
        if len(names) > VOID:
            raise DataError(
                f"{source.index.path}: expected at most {VOID - 1} categories for label maps of 8 bits, got "
                f"{len(names) - 1}; use ?classes=coco or voc, or open it for detection"
            )
        place = {name: number for number, name in enumerate(names)}
        values = {key: place.get(own.classes[index], 0) for key, index in own.values.items()}
        return "own", names, {key: value for key, value in values.items() if value}, (own.why, *own.notes)
    choice, why = _choose_classes(spec, model)
    fixed = fixed_classes(choice, source.index, why)
    return choice, CLASS_SETS[choice], {key: index + 1 for key, index in fixed.values.items()}, (why, *fixed.notes)


def _choose_classes(spec: Spec, classes: tuple[str, ...] | None) -> tuple[str, str]:
    """Whether VOC's or COCO's classes are used, and why."""
    chosen = option(spec)
    if chosen is not None:
        return chosen, f"{len(CLASS_SETS[chosen])} classes of {chosen.upper()}, as the spec says"
    if classes is None:
        return "coco", "81 classes of COCO, its own; ?classes=voc for the 21 of VOC"
    names = {name.casefold() for name in classes} - {"background"}
    of_voc, of_coco = len(names & set(voc.CLASSES)), len(names & set(CATEGORIES))
    choice = "voc" if of_voc > of_coco else "coco"
    why = f"of the model's {len(classes)} class names {of_voc} are VOC's and {of_coco} are COCO's"
    return choice, f"{len(CLASS_SETS[choice])} classes of {choice.upper()}, because {why}"


def _notes(choice: str, listed: int, total: int) -> tuple[str, ...]:
    painted = "labels painted from instance masks, small objects on top of large ones; crowds are void"
    if choice == "voc":
        painted += " (ignored outside VOC's categories); other categories are background"
    left_out = f"{listed} of {total} images {'show a VOC class' if choice == 'voc' else 'have an annotation'}"
    return painted, f"{left_out}, the others are left out" if listed < total else left_out
