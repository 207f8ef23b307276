"""The classes of a data set: the file that names them, names that are the same but for how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.class_file import read_class_names
from foolscape.class_names import plain
from foolscape.data.fields import shown
from foolscape.errors import DataError
from foolscape.paths import path_of
from foolscape.regular import is_regular
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
    """The class names in the file `path`, one at the least.

    Raises:
        SettingError: as `read_class_names`.
        DataError: a name stands twice, written another way.
    """
    names = read_class_names(path, fewest=1)
    seen: dict[str, str] = {}
    for name in names:
        if plain(name) in seen:
            got = f"{shown(seen[plain(name)])} and {shown(name)}"
            raise DataError(f"{path}: expected each class once, got {got}; leave one out")
        seen[plain(name)] = name
    return names


def merged(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The classes that `names` stand for, each once however it is written, and the place among them of each name."""
    classes: dict[str, str] = {}
    for name in names:
        classes.setdefault(plain(name), name)
    places = {name: place for place, name in enumerate(classes)}
    return tuple(classes.values()), tuple(places[plain(name)] for name in names)
