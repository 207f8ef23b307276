"""`voc:DIR` for detection: the boxes of PASCAL VOC, or of a tree of one's own in its form."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, tostring

from foolscape.class_names import plain
from foolscape.data import fields, files, upright, voc
from foolscape.data.boxes.annotated import CORRECT, AnnotatedImages, Annotation, truth_of
from foolscape.data.class_list import class_file, read_classes
from foolscape.data.voc_trees import VocTree, find_tree
from foolscape.data.xml_file import read_xml
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Truth
from foolscape.regular import read_bytes
from foolscape.spec import Spec

CLASSES: Final = voc.CLASSES[1:]
"""The 20 object classes."""

_QUICK: Final = re.compile(rb"<object>\s*<name>([^<&]*)</name>", re.I)
"""An object as most tools write it, whose name can be read without parsing all of the XML."""


@dataclass(frozen=True)
class _Names:
    """The classes of a set.

    Attributes:
        classes: their names.
        described: which they are, for messages.
        note: the same for the reader of a table; "" for VOC's own.
    """

    classes: tuple[str, ...]
    described: str
    note: str = ""

    @property
    def places(self) -> dict[str, int]:
        """Place of each class by its name, however it is written."""
        return {plain(name): place for place, name in enumerate(self.classes)}


_VOC: Final = _Names(CLASSES, "VOC's 20 classes")


def open_voc_boxes(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split of `voc:DIR[?year=YEAR&classes=FILE&annotated=stored|upright]`, by default val of the newest year.

    DIR is VOCdevkit or one year in it, or a tree without lists, see `find_tree`. The classes are VOC's 20 where all
    objects are of these, else the names that the annotations of the split have in the order of the alphabet; or those
    that FILE lists, one a line. `annotated` says what boxes of images were made on that an EXIF tag turns.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, an empty list, or a list of classes that cannot be read.
    """
    spec.only("year", "annotated", "classes")
    root = files.directory(spec)
    tree = None if voc.has_lists(root, "Main") else find_tree(spec, root, split)
    tree = tree or _listed(spec, split)
    annotations = {name: annotation for name, (_, annotation) in tree.pairs.items()}
    names = _names(class_file(spec, root), annotations)
    places = names.places

    def read(sample_id: str) -> Annotation:
        return _read(annotations[sample_id], places, names.described)

    def decides(sample_id: str) -> Sequence[Path | str]:
        return (annotations[sample_id], *([] if names is _VOC else [json.dumps(names.classes)]))

    return AnnotatedImages(
        spec.text,
        tree.split,
        names.classes,
        (*tree.notes, names.note) if names.note else tree.notes,
        {name: image for name, (image, _) in tree.pairs.items()},
        read,
        decides,
        upright.frame_option(spec),
    )


def _listed(spec: Spec, split: str | None) -> VocTree:
    """The images of a list in ImageSets/Main; raises as `voc.read_listing` does."""
    listing = voc.read_listing(spec, split, "Main", "Annotations")
    pairs, notes = listing.pairs("Annotations", ".xml")
    return VocTree(listing.split, pairs, listing.notes + notes)


def _names(listed: Path | None, annotations: Mapping[str, Path]) -> _Names:
    """The classes in the file `listed`, else those that the annotations name."""
    if listed is not None:
        classes = read_classes(listed)
        return _Names(
            classes, f"the {len(classes)} classes of {listed}", f"{len(classes)} classes, listed in {listed.name}"
        )
    known = frozenset(map(plain, CLASSES))
    if not any(_strange(path, known) for path in annotations.values()):
        return _VOC
    found: dict[str, str] = {}
    for name in sorted({name for path in annotations.values() for name in _named(path)}):
        found.setdefault(plain(name), name)
    strange = next(name for key, name in found.items() if key not in known)
    classes = tuple(found.values())
    return _Names(
        classes,
        f"the {len(classes)} classes that the annotations name",
        f"{len(classes)} classes, those that the annotations of the split name in the order of the alphabet, since "
        f"{fields.shown(strange)} is none of VOC's 20; ?classes=FILE for another order, or to have all of them",
    )


def _strange(path: Path, known: frozenset[str]) -> bool:
    """Whether an object in `path` has a name that is none of the `known`."""
    try:
        content = read_bytes(path)
    except OSError:
        return False  # its image will fail, with this reason
    quick = _QUICK.findall(content)
    if (
        quick
        and len(quick) == content.lower().count(b"<object")
        and all(name.isascii() and plain(name.decode()) in known for name in quick)
    ):
        return False
    return any(plain(name) not in known for name in _named(path))


def _named(path: Path) -> list[str]:
    """The names of the objects in `path`; none where it cannot be read."""
    try:
        return [name for one in _objects(read_xml(path)) if (name := _text(one, "name"))]
    except (SampleError, ValueError):
        return []


def _objects(root: Element) -> list[Element]:
    return [element for element in root if element.tag.casefold() == "object"]


def _read(path: Path, places: Mapping[str, int], described: str) -> Annotation:
    """The objects in the file `path`, in its order; raises `SampleError` if it cannot be used."""
    root = read_xml(path)
    try:
        (size, unknown), (truth, remarks) = _size(root), _truth(root, places, described)
    except ValueError as error:
        raise SampleError(f"{path}: {error}; {CORRECT}") from None
    return Annotation(path, size, lambda _: truth, unknown + remarks)


def _size(root: Element) -> tuple[upright.Size, tuple[str, ...]]:
    """The size (H, W) that the file gives, None for a side that it does not tell, and a note."""
    element = _child(root, "size")
    if element is None:
        return (None, None), ()
    height, width = (fields.side(_text(element, name), name) for name in ("height", "width"))
    unknown = height is None or width is None
    return (height, width), ("no height or width above 0 given: that of the picture taken",) if unknown else ()


def _truth(root: Element, places: Mapping[str, int], described: str) -> tuple[Truth, tuple[str, ...]]:
    """The objects as the file has them, and notes; raises `ValueError` for what is no object of the classes."""
    if root.tag.casefold() != "annotation":
        raise ValueError(f"expected VOC's element annotation, got {root.tag}")
    objects = _objects(root)
    corners = [_corners(element) for element in objects]
    classes = [_class(element, places, described) for element in objects]
    flags = [_text(element, "difficult") for element in objects]
    difficult = [fields.truth(flag, "difficult") for flag in flags]
    unsaid = Counter(flag for flag, known in zip(flags, difficult, strict=True) if known is None and flag)
    notes = [f"{count} objects with {fields.shown(flag)} as difficult: taken as no" for flag, count in unsaid.items()]
    again = len(objects) - len(set(zip(classes, corners, strict=True)))
    if again:
        notes.append(f"{again} objects are the same as another (class and box); all count")
    truth = truth_of(corners, classes, [bool(known) for known in difficult])
    return truth, tuple(notes)


def _child(element: Element, name: str) -> Element | None:
    """The element `name`, upper or lower case, directly in `element`; `ValueError` for several that differ."""
    children = [child for child in element if child.tag.casefold() == name]
    try:
        different = len(children) > 1 and len({tostring(child).strip() for child in children}) > 1
    except RecursionError:  # nested so deeply that they cannot be compared
        different = True
    if different:
        raise ValueError(f"expected one {name} in each {element.tag}, got {len(children)} that differ")
    return children[0] if children else None


def _text(element: Element, name: str) -> str | None:
    """What the element `name` directly in `element` says; None where it is not there."""
    child = _child(element, name)
    return None if child is None else (child.text or "").strip()


def _corners(element: Element) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 from VOC's first and last pixel, counted from 1: a box of one pixel has the area 1."""
    box = _child(element, "bndbox")  # not those of the parts (head, hand, foot), which lie deeper
    if box is None:
        raise ValueError("expected a bndbox in each object, got an object without one")
    first_x, first_y, last_x, last_y = (
        fields.number(_text(box, name) or "", name) for name in ("xmin", "ymin", "xmax", "ymax")
    )
    return first_x - 1, first_y - 1, last_x, last_y


def _class(element: Element, places: Mapping[str, int], described: str) -> int:
    name = _text(element, "name") or ""
    place = places.get(plain(name))
    if place is None:
        raise ValueError(f"expected one of {described}, got {fields.shown(name)}")
    return place
