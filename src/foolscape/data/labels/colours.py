"""Tables of colours: which colour of a label map is which class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.data.fields import shown
from foolscape.data.labels.file import read_label_file
from foolscape.errors import SampleError, SettingError
from foolscape.regular import read_text

_HEX: Final = re.compile(r"#([0-9a-fA-F]{6})")
_BETWEEN: Final = re.compile(r"[,;:\t]")


@dataclass(frozen=True)
class NamedColour:
    """A line of a table.

    Attributes:
        key: red * 65,536 + green * 256 + blue.
        name: of the class; "" where the table names none.
    """

    key: int
    name: str


def read_colours(path: Path, count: int | None) -> tuple[NamedColour, ...]:
    """The colours in the file `path`, in the order of the classes: a text, or the palette of a PNG.

    `count` is how many classes there are, None where the table is to say it; a palette, which has 256 entries in any
    case, is read up to there.

    A line of a text holds red, green and blue from 0 to 255, or `#rrggbb`, and may hold a name before or behind them,
    in any of the forms that tools write: `name,r,g,b`, `r g b name`, `id name r g b`, `name:r,g,b::`. A first line
    without a colour is a header; blank lines and lines that begin with `# ` are left out.

    Raises:
        SettingError: no such file, a line without one colour, a colour or name twice, names for a part of the lines,
            fewer than two colours.
    """
    if path.suffix.lower() == ".png":
        return _checked(path, _palette(path, count))
    try:
        lines = read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise SettingError(
            f"expected a table of colours (text, or a PNG with a palette) at {path}, got {error}"
        ) from None
    colours: list[NamedColour] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (line.lstrip().startswith("#") and not _HEX.match(line.lstrip())):
            continue
        colour = _colour(line)
        if colour is None and not colours and not re.search(r"\d", line):
            continue
        if colour is None:
            raise SettingError(
                f"{path}: line {number}: expected one colour, such as name,128,64,0 or #804000 name, got {shown(line)}"
            )
        colours.append(colour)
    return _checked(path, colours)


def _checked(path: Path, colours: list[NamedColour]) -> tuple[NamedColour, ...]:
    if len(colours) < 2:
        raise SettingError(f"{path}: expected at least 2 colours, got {len(colours)}")
    named = [colour.name for colour in colours if colour.name]
    if named and len(named) < len(colours):
        raise SettingError(f"{path}: expected a name for every colour or for none, got {len(named)} of {len(colours)}")
    for what, values in (("colour", [f"#{colour.key:06x}" for colour in colours]), ("name", named)):
        twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
        if twice is not None:
            raise SettingError(f"{path}: expected each {what} once, got {twice} twice")
    return tuple(colours)


def _palette(path: Path, count: int | None) -> list[NamedColour]:
    if count is None:
        raise SettingError(f"{path}: expected the names of the classes beside a palette, got none; add &classes=FILE")
    try:
        image = read_label_file(path).decoded.image
    except SampleError as error:
        raise SettingError(str(error)) from None
    if image.mode != "P":
        raise SettingError(f"{path}: expected a PNG with a palette, got one of mode {image.mode}")
    values = image.getpalette() or []
    entries = zip(values[::3], values[1::3], values[2::3], strict=False)
    return [NamedColour((red << 16) + (green << 8) + blue, "") for red, green, blue in entries][:count]


def _colour(line: str) -> NamedColour | None:
    """The colour in a line; None where there is none, or more than one way to read it."""
    fields = _fields(line)
    words = " ".join(field for field in fields if not _is_number(field) and not _HEX.fullmatch(field))
    marked = [field for field in fields if _HEX.fullmatch(field)]
    if marked:
        return NamedColour(int(marked[0][1:], 16), words) if len(marked) == 1 else None
    kinds = "".join("n" if _is_number(field) else "w" for field in fields)
    if [len(run) for run in re.findall("n+", kinds) if len(run) > 1] != [3]:  # one number alone is an id
        return None
    place = kinds.index("nnn")
    red, green, blue = (int(field) for field in fields[place : place + 3])
    return NamedColour((red << 16) + (green << 8) + blue, words) if max(red, green, blue) <= 255 else None


def _fields(line: str) -> list[str]:
    """What stands in a line between commas, tabs and the like, else between spaces; numbers always one by one."""
    if not _BETWEEN.search(line):
        return line.split()
    parts = [part.strip() for part in _BETWEEN.split(line) if part.strip()]
    return [field for part in parts for field in (part.split() if all(map(_is_number, part.split())) else (part,))]


def _is_number(field: str) -> bool:
    return field.isascii() and field.isdecimal() and len(field) <= 5
