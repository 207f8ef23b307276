"""The tables of Open Images: boxes and names of classes, as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from foolscape.data import fields
from foolscape.data.class_list import merged
from foolscape.errors import DataError
from foolscape.regular import open_regular

Row: TypeAlias = tuple[int, float, float, float, float, bool]
"""Class, x1, y1, x2, y2 in shares of the image, whether it is a group."""

_NEEDED: Final = ("ImageID", "LabelName", "XMin", "YMin", "XMax", "YMax")


@dataclass(frozen=True)
class Descriptions:
    """The classes, and the place among them of each label such as /m/01g317."""

    classes: tuple[str, ...]
    places: Mapping[str, int]


@dataclass(frozen=True)
class BoxTable:
    """What a table says of the images that are there.

    Attributes:
        rows: the boxes by image.
        problems: why an image cannot be used, by image.
        elsewhere: how many other images it names.
        notes: what was odd in it.
    """

    rows: Mapping[str, list[Row]]
    problems: Mapping[str, str]
    elsewhere: int
    notes: tuple[str, ...]


def read_descriptions(path: Path) -> Descriptions:
    """The names of the labels: two columns, label and name, with or without a first line that says so.

    Raises:
        DataError: it cannot be read, is empty, or has another form.
    """
    names: dict[str, str] = {}
    for number, row in _rows(path):
        if number == 1 and [cell.strip() for cell in row] == ["LabelName", "DisplayName"]:
            continue
        if len(row) != 2 or not row[0].strip() or not row[1].strip() or names.get(row[0], row[1]) != row[1]:
            got = fields.shown(row)
            raise DataError(f"{path}: expected a label and its name, each label once, got {got} in line {number}")
        names[row[0].strip()] = row[1].strip()
    if not names:
        raise DataError(f"{path}: expected labels and their names, got an empty file; download it again")
    classes, places = merged(tuple(names.values()))
    return Descriptions(classes, dict(zip(names, places, strict=True)))


def read_boxes(path: Path, places: Mapping[str, int], wanted: Set[str]) -> BoxTable:
    """The boxes of the images `wanted` in the table `path`, line by line; a line that is no box fails its image.

    Raises:
        DataError: it cannot be read, a column is missing, or a label has no name.
    """
    rows: dict[str, list[Row]] = {}
    problems: dict[str, str] = {}
    elsewhere: set[str] = set()
    notes: Counter[str] = Counter()
    columns: dict[str, int] = {}
    for number, cells in _rows(path):
        if not columns:
            columns = _columns(path, cells, notes)
            continue
        image = cells[columns["ImageID"]].strip() if columns["ImageID"] < len(cells) else ""
        if not image:
            raise DataError(f"{path}: expected an ImageID in line {number}, got none; download it again")
        if image not in wanted:
            elsewhere.add(image)
            continue
        try:
            rows.setdefault(image, []).append(_row(path, cells, columns, places, number, notes))
        except (ValueError, IndexError) as error:
            why = "fewer columns than the first line has" if isinstance(error, IndexError) else str(error)
            problems.setdefault(image, f"line {number}: {why}; correct it or leave the image out")
    if not columns:
        raise DataError(f"{path}: expected the boxes of Open Images, got an empty file; download it again")
    return BoxTable(rows, problems, len(elsewhere), tuple(f"{count} {what}" for what, count in notes.items()))


def read_verified(path: Path, places: Mapping[str, int], wanted: Set[str]) -> dict[str, set[int]]:
    """The classes that somebody looked for in the images `wanted`, found or not, by the table of image labels `path`.

    Raises:
        DataError: it cannot be read, or a column is missing.
    """
    verified: dict[str, set[int]] = {}
    columns: list[int] = []
    for _, cells in _rows(path):
        if not columns:
            names = [name.strip() for name in cells]
            if not {"ImageID", "LabelName"} <= set(names):
                got = fields.shown(cells)
                raise DataError(f"{path}: expected the columns ImageID and LabelName, got {got}; download it again")
            columns = [names.index("ImageID"), names.index("LabelName")]
            continue
        image, label = (cells[place].strip() if place < len(cells) else "" for place in columns)
        if image in wanted and label in places:
            verified.setdefault(image, set()).add(places[label])
    return verified


def _columns(path: Path, cells: list[str], notes: Counter[str]) -> dict[str, int]:
    """Where each column stands, by the first line."""
    columns = {name.strip(): place for place, name in enumerate(cells)}
    if missing := [name for name in _NEEDED if name not in columns]:
        got = fields.shown(cells)
        raise DataError(
            f"{path}: expected the columns {', '.join(_NEEDED)}, got no {missing[0]} in {got}; use a table of boxes"
        )
    if "IsGroupOf" not in columns:
        notes["column IsGroupOf is missing: all boxes are taken for single objects"] += 1
    return columns


def _row(
    path: Path,
    cells: list[str],
    columns: Mapping[str, int],
    places: Mapping[str, int],
    number: int,
    notes: Counter[str],
) -> Row:
    label = cells[columns["LabelName"]].strip()
    if label not in places:
        got = f"{fields.shown(label)} in line {number}"
        raise DataError(f"{path}: expected labels that the class descriptions name, got {got}; use those of this table")
    x1, y1, x2, y2 = (fields.number(cells[columns[name]], name) for name in ("XMin", "YMin", "XMax", "YMax"))
    group = cells[columns["IsGroupOf"]].strip() if "IsGroupOf" in columns else "0"
    known = None if group == "-1" else fields.truth(group, "IsGroupOf")
    if known is None:
        notes["boxes do not say IsGroupOf: taken for single objects"] += 1
    return places[label], x1, y1, x2, y2, bool(known)


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table that are not empty, with their numbers."""
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
    except (OSError, ValueError, csv.Error) as error:
        got = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: expected a table in CSV, got {got}; download it again") from None
