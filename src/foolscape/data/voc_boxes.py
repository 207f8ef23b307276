"""`voc:DIR` for detection: the boxes of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from foolscape.data import files, voc
from foolscape.data.boxes import DetectionSample, check_boxes
from foolscape.data.images import read_image
from foolscape.errors import SampleError
from foolscape.metrics.boxes import Truth
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
    """

    spec: str
    split: str
    notes: tuple[str, ...]
    pairs: Mapping[str, tuple[Path, Path]]

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
        image, notes = read_image(image_path)
        height, width = image.shape[:2]
        root = read_xml(annotation)
        try:
            said = root.find("size")
            if said is not None:
                files.check_size(annotation, (_whole(said, "height"), _whole(said, "width")), image)
            truth = _truth(root)
        except ValueError as error:
            raise SampleError(f"{annotation}: {error}; {_DO}") from None
        truth, changes = check_boxes(truth, (height, width))
        return DetectionSample(sample_id, image, truth, notes + changes)


def open_voc_boxes(spec: Spec, split: str | None = None) -> VocBoxes:
    """List a split of `voc:DIR[?year=YEAR]`, by default val of the newest year; DIR is VOCdevkit or one year in it.

    Raises:
        UnknownNameError: a split or year that is not there.
        DataError: no such folder, another layout, or an empty list.
    """
    listing = voc.read_listing(spec, split, "Main", "Annotations")
    return VocBoxes(spec.text, listing.split, listing.notes, listing.pairs("Annotations", ".xml"))


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
        parser.Parse(path.read_bytes(), True)
    except OSError as error:
        raise SampleError(f"{path}: expected an annotation, got no readable file ({error.strerror}); {_DO}") from None
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: encodings
        raise SampleError(f"{path}: expected an annotation in XML, got a damaged file ({error}); {_DO}") from None
    return builder.close()


def _truth(root: Element) -> Truth:
    """The objects as the file has them; raises `ValueError` for what is no object of VOC."""
    if root.tag != "annotation":
        raise ValueError(f"expected VOC's element annotation, got {root.tag}")
    objects = root.findall("object")
    corners = [_corners(element) for element in objects]
    boxes = np.array(corners, np.float64).reshape(-1, 4)
    return Truth(
        boxes,
        np.array([_class(element) for element in objects], np.int64),
        np.array([element.findtext("difficult", "0").strip() == "1" for element in objects], np.bool_),
        np.zeros(len(objects), np.bool_),
        np.array([(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in corners], np.float64),
    )


def _corners(element: Element) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 from VOC's first and last pixel, counted from 1: a box of one pixel has the area 1."""
    box = element.find("bndbox")  # not those of the parts (head, hand, foot), which lie deeper
    if box is None:
        raise ValueError("expected a bndbox in each object, got an object without one")
    first_x, first_y, last_x, last_y = (_number(box, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    return first_x - 1, first_y - 1, last_x, last_y


def _class(element: Element) -> int:
    name = element.findtext("name", "").strip()
    if name not in CLASSES:
        raise ValueError(f"expected one of VOC's 20 classes, got {name!r}")
    return CLASSES.index(name)


def _number(element: Element, name: str) -> float:
    text = element.findtext(name, "")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number as {name}, got {text!r}") from None


def _whole(element: Element, name: str) -> int:
    number = _number(element, name)
    if not number.is_integer():
        raise ValueError(f"expected a whole number as {name}, got {number}")
    return int(number)
