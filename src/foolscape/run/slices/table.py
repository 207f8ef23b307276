"""`--slices FILE.csv`: what somebody knows of the images, a line for each."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.regular import read_text
from foolscape.strict import LossNote

_MOST: Final = 256 << 20
_SEPARATORS: Final = (",", ";", "\t")
_NAMED: Final = 3
Attributes = dict[str, dict[str, str]]
"""By the id of an image, its attributes by name."""


@dataclass(frozen=True)
class SliceTable:
    """A table of attributes.

    Attributes:
        path: of the file.
        names: of the attributes, in the order of the columns.
        lines: the id as the file has it, and its attributes; empty ones are left out.
        notes: what was odd in the file.
    """

    path: Path
    names: tuple[str, ...]
    lines: tuple[tuple[str, dict[str, str]], ...]
    notes: tuple[str, ...]


def table_of(setting: object) -> SliceTable | None:
    """The table that a setting names; None where it names none. Raises `SettingError`."""
    if setting is None:
        return None
    if not isinstance(setting, str | Path) or not str(setting).strip():
        raise SettingError(f"slices: expected the path of a table (CSV), got {setting!r:.60}")
    return read_table(path_of(setting))


def read_table(path: Path) -> SliceTable:
    """The table in a text file: a header, then lines of an image's id and its attributes.

    Commas, semicolons or tabs stand between the columns, whichever the header has; the first column is the id, whatever
    it is called. An empty field is not known.

    Raises:
        SettingError: it cannot be read, has no header of an id and attributes with names of their own, or no line.
    """
    try:
        text = read_text(path, _MOST)
        rows = [row for row in csv.reader(text.split("\n"), delimiter=_separator(text), strict=True) if any(row)]
    except (OSError, ValueError, csv.Error) as error:
        raise SettingError(f"slices: expected a table of images (text, CSV) at {path}, got {error}") from error
    if len(rows) < 2 or len(rows[0]) < 2:
        got = "an empty file" if not rows else f"{len(rows)} lines, the first of {len(rows[0])} columns"
        raise SettingError(
            f"slices: expected a header such as id,night,camera and a line for each image in {path}, got {got}"
        )
    names = tuple(name.strip() for name in rows[0][1:])
    if "" in names or len(set(names)) < len(names):
        raise SettingError(f"{path}: expected a name of its own above each column, got {', '.join(rows[0])!r:.80}")
    notes = list(_odd_lines(path, rows))
    lines = tuple(
        (row[0].strip(), {name: value.strip() for name, value in zip(names, row[1:], strict=False) if value.strip()})
        for row in rows[1:]
        if row[0].strip()
    )
    return SliceTable(path, names, lines, tuple(notes))


def _separator(text: str) -> str:
    header = text.lstrip("\n").split("\n", 1)[0]
    return max(_SEPARATORS, key=header.count)


def _odd_lines(path: Path, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    width, total = len(rows[0]), len(rows) - 1
    if nameless := sum(not row[0].strip() for row in rows[1:]):
        yield LossNote(f"{path}: {nameless} of {total} lines have no id and are left out")
    if longer := sum(any(field.strip() for field in row[width:]) for row in rows[1:]):
        yield LossNote(
            f"{path}: {longer} of {total} lines have more fields than the header; what is beyond is left out"
        )
    if shorter := sum(len(row) < width for row in rows[1:]):
        yield f"{path}: {shorter} of {total} lines have fewer fields than the header; those attributes are not known"


def matched(table: SliceTable, ids: Collection[str], used: Sequence[str]) -> tuple[Attributes, list[str]]:
    """The attributes of the images of a run, and what does not fit, counted and with examples.

    Args:
        table: of any images.
        ids: of all images of the data set.
        used: of these, the run's.

    Raises:
        SettingError: it names no image of the run.
    """
    known, wanted = set(ids), set(used)
    found: Attributes = {}
    strangers, again, torn, shortened = list[str](), list[str](), list[str](), 0
    for text, attributes in table.lines:
        name = text if text in known else str(PurePosixPath(text).with_suffix("")) if PurePosixPath(text).name else text
        if name not in known:
            strangers.append(text)
            continue
        shortened += name != text
        if name not in wanted:
            continue
        if name not in found:
            found[name] = dict(attributes)
            continue
        (again if found[name] == attributes else torn).append(name)
        # Nobody knows which of two lines is right.
        found[name] = {key: value for key, value in found[name].items() if attributes.get(key, value) == value}
    if not found:
        given = table.lines[0][0] if table.lines else "none"
        raise SettingError(
            f"slices: expected ids of images such as {used[0]} in the first column of {table.path}, got {given}"
        )
    missing = [name for name in used if name not in found]
    total = len(table.lines)
    notes = [
        *table.notes,
        *_counted(strangers, f"of {total} lines of {table.path} name no image of the data", lost=True),
        *_counted(again, f"of {total} lines of {table.path} repeat an image, with the same values"),
        *_counted(
            torn, f"of {total} lines of {table.path} repeat an image with other values, which are left out", lost=True
        ),
        *_counted(missing, f"of {len(used)} images are not in {table.path}; their attributes are not known"),
    ]
    if shortened:
        notes.append(f"{shortened} of {total} ids of {table.path} are taken without their ending")
    return found, notes


def _counted(names: Sequence[str], what: str, *, lost: bool = False) -> Iterator[str]:
    if names:
        examples = ", ".join(dict.fromkeys(names[:_NAMED]))
        note = f"{len(names)} {what}, such as {examples}"
        yield LossNote(note) if lost else note
