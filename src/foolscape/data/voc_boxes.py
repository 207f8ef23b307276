"""`voc:DIR` for detection: the boxes of PASCAL VOC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder, tostring
from xml.parsers import expat

import numpy as np

from foolscape.data import fields, files, upright, voc
from foolscape.data.boxes import Boxes, DetectionSample, check_boxes, same_boxes, turn_boxes
from foolscape.data.images import read_picture
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Truth
from foolscape.regular import read_bytes
from foolscape.spec import Spec

CLASSES = voc.CLASSES[1:]
"""The 20 object classes."""

_DO = "correct the annotation or leave the image out"


@dataclass(frozen=True)
class VocBoxes:
    """One split of one year of PASCAL VOC; implements `DetectionData`.

    Attributes:
        spec: the spec it was opened by.
        split: name of the list in ImageSets/Main.
        notes: the year, what was left out.
        pairs: paths of image and annotation by id, in the order of the list.
        frame: what `?annotated=` says of images that an EXIF tag turns.
    """

    spec: str
    split: str
    notes: tuple[str, ...]
    pairs: Mapping[str, tuple[Path, Path]]
    frame: str | None

    @property
    def classes(self) -> tuple[str, ...]:
        """The 20 object classes."""
        return CLASSES

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the list of the split."""
        return tuple(self.pairs)

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of the bytes of image and annotation."""
        return files.digest(*files.fetch(self.pairs, sample_id, self.spec))

    def load(self, sample_id: str) -> DetectionSample:
        """Image and objects in the order of the file; raises `SampleError` if either file cannot be used.

        Boxes without area inside the image are left out and those that reach beyond it clipped, with a note.
        """
        image_path, annotation = files.fetch(self.pairs, sample_id, self.spec)
        picture = read_picture(image_path)
        root = read_xml(annotation)

        def make(size: tuple[int, int]) -> Boxes:
            return Boxes(*check_boxes(truth, size), size)

        try:
            (labelled_size, unknown), (truth, remarks) = _size(root), _truth(root)
        except ValueError as error:
            raise SampleError(f"{annotation}: {error}; {_DO}") from None
        boxes, notes = upright.settle(annotation, picture.turn, labelled_size, self.frame, make, turn_boxes, same_boxes)
        return DetectionSample(
            sample_id, picture.image, boxes.truth, picture.notes + unknown + notes + remarks + boxes.changes
        )


def open_voc_boxes(spec: Spec, split: str | None = None) -> VocBoxes:
    """List a split of `voc:DIR[?year=YEAR][&annotated=stored|upright]`, by default val of the newest year.

    DIR is VOCdevkit or one year in it; `annotated` says what boxes of images were made on that an EXIF tag turns.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    listing = voc.read_listing(spec, split, "Main", "Annotations")
    pairs, notes = listing.pairs("Annotations", ".xml")
    return VocBoxes(spec.text, listing.split, listing.notes + notes, pairs, upright.frame_option(spec))


def read_xml(path: Path) -> Element:
    """The root element of the XML file `path`; raises `SampleError` if it is missing, damaged or declares a DTD.

    Declarations are where XML bombs and references to other files live; annotations need none.
    """

    def refuse(*_: object) -> NoReturn:
        raise SampleError(f"{path}: expected an annotation without a document type, got one; {_DO}")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(read_bytes(path), True)
    except OSError as error:
        raise SampleError(f"{path}: expected an annotation, got no readable file ({error.strerror}); {_DO}") from None
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: encodings
        raise SampleError(f"{path}: expected an annotation in XML, got a damaged file ({error}); {_DO}") from None
    return builder.close()


def _size(root: Element) -> tuple[upright.Size, tuple[str, ...]]:
    """The size (H, W) that the file gives, None for a side that it does not tell, and a note."""
    element = _child(root, "size")
    if element is None:
        return (None, None), ()
    height, width = (fields.side(_text(element, name), name) for name in ("height", "width"))
    unknown = height is None or width is None
    return (height, width), ("no height or width above 0 given: that of the picture taken",) if unknown else ()


def _truth(root: Element) -> tuple[Truth, tuple[str, ...]]:
    """The objects as the file has them, and notes; raises `ValueError` for what is no object of VOC."""
    if root.tag.casefold() != "annotation":
        raise ValueError(f"expected VOC's element annotation, got {root.tag}")
    objects = [element for element in root if element.tag.casefold() == "object"]
    corners = [_corners(element) for element in objects]
    classes = [_class(element) for element in objects]
    flags = [_text(element, "difficult") for element in objects]
    difficult = [fields.truth(flag, "difficult") for flag in flags]
    unsaid = Counter(flag for flag, known in zip(flags, difficult, strict=True) if known is None and flag)
    notes = [f"{count} objects with {fields.shown(flag)} as difficult: taken as no" for flag, count in unsaid.items()]
    again = len(objects) - len(set(zip(classes, corners, strict=True)))
    if again:
        notes.append(f"{again} objects are the same as another (class and box); all count")
    truth = Truth(
        np.array(corners, np.float64).reshape(-1, 4),
        np.array(classes, np.int64),
        np.array(difficult, np.bool_),
        np.zeros(len(objects), np.bool_),
        np.array([(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in corners], np.float64),
    )
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


def _class(element: Element) -> int:
    text = _text(element, "name") or ""
    name = fields.alike(text, CLASSES)
    if name is None:
        raise ValueError(f"expected one of VOC's 20 classes, got {fields.shown(text)}")
    return CLASSES.index(name)
