"""`hf:`: the samples of a table of images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np

from foolscape.data import fields, files, upright
from foolscape.data.attributes import plain_attributes
from foolscape.data.boxes import DetectionSample, check_boxes
from foolscape.data.hugging_face import columns
from foolscape.data.hugging_face.rows import Rows, open_rows
from foolscape.data.images import ImageSource, StoredFile, read_picture
from foolscape.data.labels import meaning
from foolscape.data.labels.pairs import load_pair
from foolscape.data.sample import Sample
from foolscape.errors import DataError, SampleError, SettingError, unknown
from foolscape.metrics.boxes import Truth
from foolscape.spec import Spec

S = TypeVar("S")

OPTIONS: Final = ("image", "label", "config", "revision", "streaming", "annotated", *meaning.OPTIONS, "format")
FORMATS: Final = ("xywh", "xyxy", "cxcywh")
"""What four numbers of a box may be: corner and size, two corners, middle and size, in pixels."""
_LOOKED_AT: Final = 16


@dataclass(frozen=True)
class TableImages(Generic[S]):
    """The samples of a table; implements `Data`.

    Attributes:
        spec: the spec it was opened by.
        rows: the table.
        classes: names of the classes; None without truth.
        notes: where it comes from, what its columns mean.
        image: the column of the images.
        truth: the column of the truth; None without.
        read: (id, image, what the truth's column holds) -> the sample; raises `SampleError`.
        read_with: what decides, beside the row, what a sample is.
    """

    spec: str
    rows: Rows
    classes: tuple[str, ...] | None
    notes: tuple[str, ...]
    image: str
    truth: str | None
    read: Callable[[str, ImageSource, Any], S]
    read_with: str

    @property
    def split(self) -> str | None:
        """Name of the split."""
        return self.rows.split

    @property
    def ids(self) -> tuple[str, ...]:
        """Numbers of the rows, with six digits."""
        return tuple(map(_name, range(len(self.rows.table))))

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of image and truth of the row, and of `read_with`."""
        row = self._row(sample_id)
        truth = None if self.truth is None else row[self.truth]
        parts = [_part(row[self.image]), _part(truth), self.read_with]
        return files.digest(*parts)

    def load(self, sample_id: str) -> S:
        """The sample in a row; raises `SampleError` with the reason if it cannot be used."""
        row = self._row(sample_id)
        source = _source(row[self.image], f"row {int(sample_id)} of {self.spec}, {self.image}")
        return self.read(sample_id, source, None if self.truth is None else row[self.truth])

    def attributes(self, sample_id: str) -> dict[str, str]:
        """The other columns of the row, as far as they are short; of a class its name."""
        row, features = self._row(sample_id), self.rows.features
        others = [name for name in row if name not in (self.image, self.truth) and name in features]
        return plain_attributes({name: columns.shown(features[name], row[name]) for name in others})

    def _row(self, sample_id: str) -> Mapping[str, Any]:
        number = int(sample_id) if sample_id.isascii() and sample_id.isdecimal() else len(self.rows.table)
        if number >= len(self.rows.table) or sample_id != _name(number):
            raise unknown(f"image id in {self.spec}", sample_id, (_name(0), _name(len(self.rows.table) - 1)))
        return self.rows.row(number)


def open_maps(spec: Spec, split: str | None, model_classes: tuple[str, ...] | None) -> TableImages[Sample]:
    """The images of `hf:DIR-or-ID[?image=COLUMN&label=COLUMN]` with label maps, whose options are those of `masks:`.

    Raises: as `open_rows`, `columns.image_column` and `meaning.legend_of`.
    """
    spec.only(*OPTIONS)
    frame, rows = upright.frame_option(spec), open_rows(spec, split)
    image = columns.image_column(spec, rows.features)
    column = columns.map_column(spec, rows.features, image)
    if column is None:
        return TableImages(spec.text, rows, None, rows.notes, image, None, _bare, "")
    step = max(1, len(rows.table) // _LOOKED_AT)
    looked_at = [
        _source(rows.row(number)[column], f"row {number}, {column}")
        for number in range(0, len(rows.table), step)[:_LOOKED_AT]
        if rows.row(number)[column] is not None
    ]
    stated = meaning.legend_of(spec, model_classes, looked_at)

    def read(name: str, source: ImageSource, truth: Any) -> Sample:
        return load_pair(name, source, _source(truth, f"{source}: {column}"), stated.legend, frame)

    notes = (*rows.notes, f"images are {image}, label maps {column}", *stated.notes)
    return TableImages(spec.text, rows, stated.legend.classes, notes, image, column, read, stated.legend.text)


def open_objects(spec: Spec, split: str | None) -> TableImages[DetectionSample]:
    """The images of `hf:DIR-or-ID[?image=COLUMN&label=COLUMN&format=xywh]` with objects, as `datasets` writes COCO's.

    Raises: as `open_rows` and `columns.image_column`; SettingError for a format that does not exist.
    """
    spec.only(*OPTIONS)
    rows = open_rows(spec, split)
    image = columns.image_column(spec, rows.features)
    column = columns.object_column(spec, rows.features)
    if column is None:
        return TableImages(spec.text, rows, None, rows.notes, image, None, _bare_boxes, "")
    form = spec.options.get("format", FORMATS[0])
    if form not in FORMATS:
        raise SettingError(f"{spec.text}: expected format to be {', '.join(FORMATS)}, got {form!r}")
    reader = _objects_reader(spec, rows.features[column], form)
    notes = (*rows.notes, f"images are {image}, objects {column}, boxes {form} in pixels")
    read_with = json.dumps([reader.classes, form])
    return TableImages(spec.text, rows, reader.classes, notes, image, column, reader.read, read_with)


@dataclass(frozen=True)
class _Objects:
    """How the objects of a row are read: names of the classes, fields of box and class, what the numbers are."""

    classes: tuple[str, ...]
    box: str
    category: str
    form: str

    def read(self, name: str, source: ImageSource, truth: Any) -> DetectionSample:
        """The image with its objects; raises `SampleError`."""
        picture = read_picture(source)
        height, width = picture.image.shape[:2]
        if picture.orientation > 1:
            raise SampleError(
                f"{source}: expected an image that no EXIF tag turns, got orientation {picture.orientation}, and "
                "nothing tells what its boxes were marked on; save it upright without the tag"
            )
        try:
            stored = self._truth({} if truth is None else truth)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SampleError(f"{source}: expected objects with {self.box} and {self.category}, got {error}") from None
        shown, changes = check_boxes(stored, (height, width))
        return DetectionSample(name, picture.image, shown, picture.notes + changes)

    def _truth(self, objects: Any) -> Truth:
        records = _records(objects)
        boxes = np.array([self._corners(one[self.box]) for one in records], np.float64).reshape(-1, 4)
        labels = np.array([self._label(one[self.category]) for one in records], np.int64)
        crowd = np.array([bool(fields.truth(one.get("iscrowd"), "iscrowd")) for one in records], np.bool_)
        difficult = np.array([bool(fields.truth(one.get("difficult"), "difficult")) for one in records], np.bool_)
        areas = [fields.number(one["area"], "area") if one.get("area") is not None else np.nan for one in records]
        return Truth(boxes, labels, difficult, crowd, np.array(areas, np.float64))

    def _corners(self, box: Any) -> tuple[float, float, float, float]:
        first, second, third, fourth = (fields.number(one, self.box) for one in box)
        if self.form == "xyxy":
            return first, second, third, fourth
        if self.form == "cxcywh":
            first, second = first - third / 2, second - fourth / 2
        return first, second, first + third, second + fourth

    def _label(self, value: Any) -> int:
        if isinstance(value, str):
            name = fields.alike(value, self.classes)
            if name is None:
                raise ValueError(f"a class {fields.shown(value)}")
            return self.classes.index(name)
        label = fields.whole(value, self.category)
        if not 0 <= label < len(self.classes):
            raise ValueError(f"a class {label}, where there are {len(self.classes)}")
        return label


def _objects_reader(spec: Spec, feature: Any, form: str) -> _Objects:
    box, category = columns.box_field(feature), columns.class_field(feature)
    if box is None or category is None:
        got = ", ".join(columns.fields_of(feature)) or type(feature).__name__
        raise DataError(
            f"{spec.text}: expected objects with bbox and category, got {got}; name the column with ?label="
        )
    names = columns.names_of(columns.fields_of(feature)[category])
    if "classes" in spec.options or names is None:
        names = meaning.class_names(spec, None)[0]
    return _Objects(names, box, category, form)


def _name(number: int) -> str:
    return f"{number:06d}"


def _records(objects: Any) -> list[Mapping[str, Any]]:
    """Objects as records, of records or of a record of lists."""
    if isinstance(objects, Mapping):
        lists = {name: list(values) for name, values in objects.items() if values is not None}
        counts = {len(values) for values in lists.values()}
        if len(counts) > 1:
            raise ValueError(f"lists of {', '.join(map(str, sorted(counts)))} values")
        return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
    return [dict(one) for one in objects]


def _bare(name: str, source: ImageSource, truth: Any) -> Sample:
    del truth
    picture = read_picture(source)
    return Sample(name, picture.image, None, picture.notes)


def _bare_boxes(name: str, source: ImageSource, truth: Any) -> DetectionSample:
    sample = _bare(name, source, truth)
    return DetectionSample(name, sample.image, None, sample.notes)


def _source(cell: Any, where: str) -> ImageSource:
    """Where the undecoded image of a cell is read from."""
    if isinstance(cell, Mapping):
        if cell.get("bytes") is not None:
            return StoredFile(where, cell["bytes"])
        if cell.get("path"):
            return Path(cell["path"])
    raise SampleError(f"{where}: expected an image, got {fields.shown(cell)}")


def _part(cell: Any) -> Path | str:
    """What a cell adds to a fingerprint."""
    if isinstance(cell, Mapping) and set(cell) == {"bytes", "path"}:
        if cell["bytes"] is None and cell["path"]:
            return Path(cell["path"])
        return hashlib.sha256(cell["bytes"] or b"").hexdigest()
    return json.dumps(cell, default=str, sort_keys=True)
