"""The classes of a COCO file: its own, COCO's 80 or VOC's 20."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.class_names import only
from foolscape.data import voc
from foolscape.data.class_list import merged
from foolscape.data.coco_index import Index
from foolscape.data.fields import Key, alike, shown
from foolscape.errors import DataError, unknown
from foolscape.spec import Spec
from foolscape.strict import LossNote

CATEGORIES: Final = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
"""COCO's 80 categories in the order of their ids."""

CHOICES: Final = ("own", "coco", "voc")
"""What `?classes=` may say."""

_NAMED: Final = 5
"""How many categories a note names."""


@dataclass(frozen=True)
class ObjectClasses:
    """The classes that objects are of.

    Attributes:
        classes: their names, without background.
        values: place in `classes` of each category id of the file that is one of them.
        why: which they are, in words, and why these.
        notes: what is odd in the file's categories, what is left out.
    """

    classes: tuple[str, ...]
    values: Mapping[Key, int]
    why: str
    notes: tuple[str, ...]


def choose(spec: Spec, index: Index) -> ObjectClasses:
    """The classes that `?classes=` names; without it COCO's 80 if all categories are of these, else the file's own.

    Raises:
        UnknownNameError: a class set that does not exist.
        DataError: the file has no category of its own.
    """
    choice = option(spec) or ("coco" if strangers(index) == () else "own")
    why = {
        "coco": "80 classes of COCO; ?classes=voc for the 20 of VOC",
        "voc": "20 classes of VOC; objects of other categories are left out, the images that show them are not",
    }
    if choice == "own":
        return own_classes(spec, index)
    return fixed_classes(choice, index, why[choice])


def option(spec: Spec) -> str | None:
    """What `?classes=` says; raises `UnknownNameError` for a class set that does not exist."""
    chosen = spec.options.get("classes")
    if chosen is not None and chosen not in CHOICES:
        raise unknown(f"class set in {spec.text}", chosen, CHOICES)
    return chosen


def strangers(index: Index) -> tuple[str, ...]:
    """The names of the file's categories that are none of COCO's 80, without those that stand above others."""
    records = index.records
    return tuple(
        name for key, name in records.categories.items() if key not in records.above and alike(name, CATEGORIES) is None
    )


def fixed_classes(choice: str, index: Index, why: str) -> ObjectClasses:
    """COCO's 80 or VOC's 20, by the names of the categories; `why` says why these."""
    records = index.records
    known = {key: alike(name, CATEGORIES) for key, name in records.categories.items()}
    same = {key: name for key, name in known.items() if name is not None and key in records.used}
    total = f"of {records.listed} categories"
    notes: list[str] = []
    if shared := len(same) - len(set(same.values())):
        notes.append(f"{shared} {total} share their name with another: all of them count")
    if other := sum(records.categories[key] != name for key, name in same.items()):
        notes.append(f"{other} {total} are not written as COCO writes them: taken for those")
    if strange := [records.categories[key] for key in records.categories if key in records.used and known[key] is None]:
        notes.append(LossNote(f"objects of {_named(strange)}, none of COCO's 80 categories, left out"))
    classes = CATEGORIES if choice == "coco" else voc.CLASSES[1:]
    return ObjectClasses(classes, class_values(same, classes), why, tuple(notes))


def own_classes(spec: Spec, index: Index) -> ObjectClasses:
    """The file's own categories in the order of their ids, those of one name together."""
    records = index.records
    counted = {key: name for key, name in records.categories.items() if key not in records.above}
    names, places = merged(tuple(counted.values()))
    values = dict(zip(counted, places, strict=True))
    if not names:
        raise DataError(f"{index.path}: expected categories with names, got none; add them to its list 'categories'")
    strange = strangers(index)
    why = "as the spec says" if "classes" in spec.options else f"since COCO's 80 do not have {_named(strange)}"
    what = f"{len(names)} classes, the file's own categories in the order of their ids, {why}"
    notes = []
    if again := len(values) - len(names):
        notes.append(f"{again} of {records.listed} categories share their name with another: all of them count")
    if above := [name for key, name in records.categories.items() if key in records.above]:
        notes.append(f"category {_named(above)} left out as a class: no annotation has it, and others stand below it")
    return ObjectClasses(names, values, what, tuple(notes))


def class_values(categories: Mapping[Key, str], names: tuple[str, ...]) -> dict[Key, int]:
    """Place in the classes `names` of each id of `categories` that is one of them, by its own name or a synonym."""
    value = {name: number for number, name in enumerate(names)}
    own = {key: only(name, names) for key, name in categories.items()}
    return {key: value[name] for key, name in own.items() if name is not None}


def _named(names: Sequence[str]) -> str:
    once = [shown(name) for name in dict.fromkeys(names)]
    return ", ".join(once[:_NAMED]) + (f" and {len(once) - _NAMED} more" if len(once) > _NAMED else "")
