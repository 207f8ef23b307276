"""The file of `--class-map`: the names of a data set, and what each is called here."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.class_names import near, plain
from foolscape.errors import SettingError
from foolscape.regular import read_text

_MOST_BYTES: Final = 1 << 20
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)|(?P<comment>(?<!\S)\#.*)|(?P<quoted>(?<![^\s,:])("(?:[^"\\]|\\.)*"|'[^']*'))"""
    r"""|(?P<colon>:(?!\S))|(?P<comma>,)|(?P<word>(?:[^\s,:]|:(?=\S))+)"""
)
_OTHERS, _VOID = "*", "void"

_FORM: Final = "lines such as `their name: our name`, `van, lorry: truck`, `sky: void` or `*: void`"


@dataclass(frozen=True)
class NamesMap:
    """What a class map says.

    Attributes:
        path: of the file.
        ours: by a name of the data set as the file has it, our name; None: it counts nowhere.
        others: the same for all names that are not in `ours`; they keep theirs where `keeps`.
        keeps: whether the file says nothing of other names.
    """

    path: Path
    ours: dict[str, str | None]
    others: str | None = None
    keeps: bool = True

    def of(self, names: Sequence[str]) -> tuple[str | None, ...]:
        """What each of the `names` of a data set is called here; None: it counts nowhere.

        A name of the file is one of the data set's also where case, `_` and `-` differ.

        Raises:
            SettingError: a name of the file that the data set does not have; near misses are named.
        """
        known = {plain(name) for name in names}
        spelled = Counter(map(plain, self.ours))
        strangers = [
            name for name in self.ours if name not in names and (plain(name) not in known or spelled[plain(name)] > 1)
        ]
        if strangers:
            said = "; ".join(f"{name!r}{_hint(name, names)}" for name in strangers[:4])
            raise SettingError(
                f"{self.path}: expected names of the data set on the left ({', '.join(names[:6])}"
                f"{', ...' if len(names) > 6 else ''}), got {said}{' ...' if len(strangers) > 4 else ''}; correct them"
            )
        alike = {plain(name): ours for name, ours in self.ours.items()}
        rest = {name: name if self.keeps else self.others for name in names}
        return tuple(self.ours.get(name, alike.get(plain(name), rest[name])) for name in names)


def read_names_map(path: Path) -> NamesMap:
    """The class map in the file `path`.

    A line gives one name or several of the data set, a colon, and our name; `void` is none: what bears the names
    counts nowhere (a class of ours called void is written "void"). `*` stands for all names that are not given. Names
    with `,`, `:`, `#` or quotes in them stand in quotes. What follows a `#` is a comment, and empty lines are none.

    Raises:
        SettingError: no such file, a line of another form, a name twice, or no line at all.
    """
    try:
        lines = read_text(path, _MOST_BYTES).split("\n")
    except (OSError, ValueError) as error:
        got = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SettingError(f"class_map: expected a file of {_FORM} at {path}, got {got}") from None
    ours: dict[str, str | None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        for theirs, name in _read(line, f"{path}: line {number}"):
            if theirs in ours:
                raise SettingError(f"{path}: line {number}: expected each name once, got {theirs!r} again; keep one")
            ours[theirs] = name
    if not ours:
        raise SettingError(f"{path}: expected {_FORM}, got an empty file")
    keeps = _OTHERS not in ours
    others = ours.pop(_OTHERS, None)
    return NamesMap(path, ours, others, keeps)


def _read(line: str, where: str) -> list[tuple[str, str | None]]:
    """The names of the data set in a line, each with ours."""
    separators: list[str] = []
    parts: list[list[str]] = [[]]
    for token in _TOKEN.finditer(line.strip()):
        if token["colon"] or token["comma"]:
            separators.append(token[0])
            parts.append([])
        elif not token["comment"]:
            parts[-1].append(token[0])
    sides = ["".join(words).strip() for words in parts]
    if separators[-1:] != [":"] or ":" in separators[:-1] or not all(sides) or any(map(_odd, sides)):
        raise SettingError(f"{where}: expected {_FORM}, got {line.strip()[:60]!r}; names with , : # stand in quotes")
    *theirs, ours = sides
    return [(_name(one, where), None if ours == _VOID else _name(ours, where)) for one in theirs]


def _odd(name: str) -> bool:
    """Whether a name is none: a quote that does not end it, a YAML list."""
    if name[0] in "\"'":
        return len(name) < 2 or name[-1] != name[0] or (name[0] == "'" and "'" in name[1:-1])
    return name.startswith(("- ", "#"))


def _name(text: str, where: str) -> str:
    """A name without its quotes."""
    if text.startswith("'"):
        name = text[1:-1]
    elif text.startswith('"'):
        try:
            name = str(json.loads(text))
        except ValueError:
            raise SettingError(f"{where}: expected a text in double quotes as in JSON, got {text[:60]}") from None
    else:
        name = text
    if not name.strip():
        raise SettingError(f"{where}: expected a name, got an empty one; leave the line out")
    return name.strip()


def _hint(name: str, names: Sequence[str]) -> str:
    nearest = near(name, names)
    return f" (is it {' or '.join(map(repr, nearest))}?)" if nearest else ""
