"""The legend of label maps whose meaning a user states: class names, colours, void values, where the numbers begin."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from foolscape.class_file import read_class_names
from foolscape.data import fields
from foolscape.data.images import ImageSource
from foolscape.data.labels.colours import NamedColour, read_colours
from foolscape.data.labels.file import read_values
from foolscape.data.labels.legend import MOST_CLASSES, Legend, numbered, shown_key
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError
from foolscape.paths import path_of
from foolscape.spec import Spec

OPTIONS: Final = ("classes", "colours", "void", "offset")

_VOID_NAMES: Final = ("void", "unlabeled", "unlabelled", "ignore", "ignored", "don't care", "dontcare")
"""Names of a table of colours that stand for no class, where the spec does not say what is void."""

_LOOKED_AT: Final = 16
"""Label maps of two classes that are opened to see whether 255 is the second one."""


@dataclass(frozen=True)
class StatedLegend:
    """A legend, and what is to be said of it."""

    legend: Legend
    notes: tuple[str, ...]


def legend_of(spec: Spec, model_classes: tuple[str, ...] | None, maps: Sequence[ImageSource]) -> StatedLegend:
    """What the label maps `maps` hold, by the options `OPTIONS` of `spec`.

    Without names of classes the values are the model's, if it names its classes.

    Raises:
        SettingError: options that contradict each other, a file that cannot be read, no names at all, more than 254.
    """
    if "colours" in spec.options:
        return _coloured(spec, model_classes)
    names, notes = class_names(spec, model_classes)
    first = _offset(spec)
    values = _void_values(spec)
    if values is None and len(names) == 2 and not first and _is_black_and_white(maps):
        note = f"0 and 255 in the label maps are {names[0]} and {names[1]}; &void=255 if 255 counts nowhere"
        return StatedLegend(Legend(names, {0: 0, VOID: 1}), (*notes, note))
    of_classes = range(first, first + len(names))
    void = values if values is not None else [*range(first), *([VOID] if VOID not in of_classes else [])]
    if inside := [value for value in void if value in of_classes]:
        got = f"{inside[0]}, which is {names[inside[0] - first]}"
        raise SettingError(f"{spec.text}: expected values that are no class in void, got {got}; leave it out there")
    note = f"label values {', '.join(map(str, void))} are void" if void else "no label value is void"
    return StatedLegend(numbered(names, void, first), (*notes, note))


def class_names(spec: Spec, model_classes: tuple[str, ...] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names that `?classes=` or the model gives, and what is to be said; raises `SettingError` where none do."""
    if "classes" in spec.options:
        names = read_class_names(path_of(spec.options["classes"]))
        notes: tuple[str, ...] = ()
    elif model_classes is not None:
        names, notes = (
            model_classes,
            ("no class names given: label values are taken as the model's classes, in its order",),
        )
    else:
        raise SettingError(
            f"{spec.text}: expected names of the classes, got none, and the model names none; add &classes=FILE, one "
            "name per line in the order of the values"
        )
    if len(names) > MOST_CLASSES:
        raise SettingError(f"{spec.text}: expected at most {MOST_CLASSES} classes, got {len(names)}")
    return names, notes


def _offset(spec: Spec) -> int:
    text = spec.options.get("offset", "0")
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII):
        raise SettingError(f"{spec.text}: expected the value of the first class as offset, such as 1, got {text!r}")
    return int(text)


def _void_values(spec: Spec) -> list[int] | None:
    text = spec.options.get("void")
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if text.strip().casefold() == "none":
        return []
    for part in parts:
        if not re.fullmatch(r"\d{1,5}", part, re.ASCII):
            want = "values as void, such as 255 or 255,254, or none"
            raise SettingError(f"{spec.text}: expected {want}, got {part!r}")
    return list(dict.fromkeys(int(part) for part in parts))


def _coloured(spec: Spec, model_classes: tuple[str, ...] | None) -> StatedLegend:
    if "offset" in spec.options:
        raise SettingError(f"{spec.text}: expected offset or colours, got both; colours have no numbers")
    path = path_of(spec.options["colours"])
    named = read_class_names(path_of(spec.options["classes"])) if "classes" in spec.options else None
    count = None if named is None and model_classes is None else len(named or model_classes or ())
    table = read_colours(path, count)
    void = _void_colours(spec, table)
    notes: list[str] = []
    if table[0].name:
        names = named or tuple(colour.name for colour in table if colour.key not in void)
        keys = _by_name(spec, table, names, void)
    else:
        names = named or class_names(spec, model_classes)[0]
        of_classes = [colour.key for colour in table if colour.key not in void]
        if len(of_classes) != len(names):
            got = f"{len(of_classes)} in {path}"
            raise SettingError(f"{spec.text}: expected a colour for each of {len(names)} classes, got {got}")
        keys = dict(zip(of_classes, range(len(names)), strict=True))
        if named is None:
            notes.append("no class names given: the colours are taken as the model's classes, in its order")
    shown = ", ".join(shown_key(key, True) for key in void)
    notes.append(f"label colours {shown} are void" if void else "no label colour is void")
    return StatedLegend(Legend(names, {**keys, **dict.fromkeys(void, VOID)}, coloured=True), tuple(notes))


def _void_colours(spec: Spec, table: Sequence[NamedColour]) -> list[int]:
    """The colours that count nowhere: those that the spec names or shows, else those whose names say so."""
    text = spec.options.get("void")
    if text is None:
        return [colour.key for colour in table if colour.name.casefold() in _VOID_NAMES]
    keys = []
    for part in (part.strip() for part in text.split(",")):
        named = fields.alike(part, [colour.name for colour in table if colour.name])
        if re.fullmatch("#[0-9a-fA-F]{6}", part):
            keys.append(int(part[1:], 16))
        elif named is not None:
            keys.append(next(colour.key for colour in table if colour.name == named))
        elif part.casefold() != "none":
            want = "colours such as #000000 or names of the table as void, or none"
            raise SettingError(f"{spec.text}: expected {want}, got {part!r}")
    return keys


def _by_name(spec: Spec, table: Sequence[NamedColour], names: tuple[str, ...], void: Sequence[int]) -> dict[int, int]:
    keys = {}
    for colour in table:
        if colour.key in void:
            continue
        name = fields.alike(colour.name, names)
        if name is None:
            raise SettingError(
                f"{spec.text}: expected a class for every colour of the table, got {colour.name!r}, which is not among "
                f"the classes; name it in void, or in the class file"
            )
        keys[colour.key] = names.index(name)
    if missing := [name for place, name in enumerate(names) if place not in keys.values()]:
        raise SettingError(f"{spec.text}: expected a colour for every class, got none for {', '.join(missing[:5])}")
    return keys


def _is_black_and_white(maps: Sequence[ImageSource]) -> bool:
    """Whether some label maps, spread over all, hold 0 and 255 alone, as masks of two classes do.

    Raises:
        DataError: some hold 255 and no 1, and others both.
    """
    step = max(1, len(maps) // _LOOKED_AT)
    white: list[ImageSource] = []
    ones: list[ImageSource] = []
    for path in maps[::step][:_LOOKED_AT]:
        try:
            values = set(np.unique(read_values(path)).tolist())
        except SampleError:
            continue
        if values <= {0, VOID}:
            white += [path] if VOID in values else []
        else:
            ones.append(path)
    if white and ones:
        raise DataError(
            f"expected label maps of one kind, got 0 and 255 alone in {white[0]} and other values in {ones[0]}; say "
            "with &void=255 that 255 counts nowhere, or store the maps alike"
        )
    return bool(white)
