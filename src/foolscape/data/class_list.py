"""A list of classes in a file of its own: one name a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.data.fields import plain, shown
from foolscape.errors import DataError
from foolscape.paths import path_of
from foolscape.regular import is_regular, read_text
from foolscape.spec import Spec


def class_file(spec: Spec, root: Path) -> Path | None:
    """The file that `?classes=` of `spec` names, in the folder `root` or from where one is; None without the option.

    Raises:
        DataError: there is no such file.
    """
    if "classes" not in spec.options:
        return None
    named = path_of(spec.options["classes"])
    for path in (root / named, named):
        if is_regular(path):
            return path
    raise DataError(f"{spec.text}: expected a list of classes at {root / named} or {named}, got no such file")


def read_classes(path: Path) -> tuple[str, ...]:
    """The names in the file `path`, in the order of its lines; empty lines are none.

    Raises:
        DataError: it cannot be read, holds no name, or one name twice, also if written another way.
    """
    try:
        names = [name for line in read_text(path).split("\n") if (name := line.strip())]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a list of classes, one a line, got {error}; write one") from None
    if not names:
        raise DataError(f"{path}: expected a list of classes, one a line, got an empty file; write one")
    check_classes(path, names)
    return tuple(names)


def check_classes(where: Path, names: list[str]) -> None:
    """Raises `DataError` for a name that stands twice in the list `names` of the file `where`."""
    seen: dict[str, str] = {}
    for name in names:
        if plain(name) in seen:
            got = f"{shown(seen[plain(name)])} and {shown(name)}"
            raise DataError(f"{where}: expected each class once, got {got}; leave one out")
        seen[plain(name)] = name


def merged(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The classes that `names` stand for, each once however it is written, and the place among them of each name."""
    classes: dict[str, str] = {}
    for name in names:
        classes.setdefault(plain(name), name)
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes.values()), tuple(places[plain(name)] for name in names)
