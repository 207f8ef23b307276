"""The YAML file of a YOLO data set: where its images lie and what its classes are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

import yaml

from foolscape.data import files
from foolscape.data.class_list import merged
from foolscape.data.fields import shown
from foolscape.errors import DataError, SettingError
from foolscape.paths import path_of
from foolscape.regular import read_text
from foolscape.spec import Spec
from foolscape.yaml_nodes import composed

SPLITS: Final[tuple[str, ...]] = ("val", "train", "test")
_VALIDATION: Final = "validation"
"""The key that ultralytics takes for val where there is none."""
_MOST: Final = 1 << 20
"""Bytes: room for the names of 20,000 classes."""


@dataclass(frozen=True)
class YoloFile:
    """What the file says.

    Attributes:
        path: of the file.
        splits: the folders and lists of images of each split.
        classes: names of the classes, each once.
        places: place in `classes` of each class number.
        keypoints: how many numbers of keypoints follow the box of each object.
        notes: what was odd in the file.
    """

    path: Path
    splits: Mapping[str, tuple[Path, ...]]
    classes: tuple[str, ...]
    places: tuple[int, ...]
    keypoints: int
    notes: tuple[str, ...]


def find_file(spec: Spec) -> Path:
    """The file that `yolo:FILE` names, or that lies in the folder: data.yaml, else the only one.

    Raises:
        SettingError: nothing is named, or one of several files must be.
        DataError: there is no such file.
    """
    if not spec.rest.strip():
        raise SettingError(f"expected a file or its folder, yolo:data.yaml, got {spec.text!r}")
    path = path_of(spec.rest)
    if files.is_there(path):
        return path
    root = files.directory(spec)
    found = sorted(one for one in root.iterdir() if one.suffix.lower() in (".yaml", ".yml") and files.is_there(one))
    named = [one for one in found if one.stem == "data"]
    if len(found) > 1 and not named:
        names = ", ".join(one.name for one in found[:5])
        raise SettingError(f"{spec.text}: expected one YAML file in {root}, got {names}; name one of them, yolo:FILE")
    if not found:
        raise DataError(f"{spec.text}: expected data.yaml in {root}, got no YAML file; name it, yolo:FILE")
    return (named or found)[0]


def read_file(path: Path) -> YoloFile:
    """Read the file; only path, train, val (or validation), test, names, nc and kpt_shape count.

    Raises:
        DataError: it is no mapping in YAML, a key stands twice, what it names is not there, the names do not count up
            from 0 or are not as many as `nc`.
    """
    try:
        root = composed(read_text(path, _MOST))
        keys = _mapping(root, "settings such as `val: images/val`")
        names = _names(keys.get("names"))
        counted = _text(keys["nc"], "nc") if "nc" in keys else None
        if counted is not None and not (re.fullmatch(r"\d{1,9}", counted) and int(counted) == len(names)):
            raise ValueError(f"nc: {shown(counted)} with {len(names)} names")
        keypoints = _keypoints(keys.get("kpt_shape"))
        base, notes = _base(path, keys.get("path"))
        if _VALIDATION in keys and SPLITS[0] not in keys:
            keys[SPLITS[0]] = keys[_VALIDATION]
            notes.append(f"{_VALIDATION}: of {path.name} taken for {SPLITS[0]}:")
        splits = {name: tuple(_texts(keys[name], name)) for name in SPLITS if name in keys}
    except (OSError, ValueError, yaml.YAMLError) as error:
        got = str(error).replace("\n", " ")
        raise DataError(f"{path}: expected the YAML of a YOLO data set, got {got}; correct it") from None
    placed = {name: tuple(_place(path, base, text, notes) for text in texts) for name, texts in splits.items() if texts}
    if not placed:
        raise DataError(f"{path}: expected images as val:, train: or test:, got none of them; add one")
    classes, places = merged(names)
    if again := len(names) - len(classes):
        notes.append(f"{again} of {len(names)} classes share their name with another: all of them count")
    if keypoints:
        notes.append("keypoints behind the boxes left out, as kpt_shape says that there are some")
    return YoloFile(path, placed, classes, places, keypoints, tuple(dict.fromkeys(notes)))


def _mapping(node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
    """The values of a mapping by their keys, as written."""
    if not isinstance(node, yaml.MappingNode):
        raise ValueError(f"no mapping of {what}")
    keys: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError(f"a key that is no text in line {key.start_mark.line + 1}")
        if key.value in keys:
            raise ValueError(f"{shown(key.value)} for the second time in line {key.start_mark.line + 1}")
        keys[key.value] = value
    return keys


def _text(node: yaml.Node, name: str) -> str | None:
    """What is written, so that the class `no` is not false; None where nothing is."""
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError(f"a list or mapping within {name}")
    return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _texts(node: yaml.Node, name: str) -> list[str]:
    """The texts of a list, or the one there is."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return [text for one in nodes if (text := _text(one, name)) is not None]


def _names(node: yaml.Node | None) -> list[str]:
    """The names of the classes 0, 1, .."""
    if node is None:
        raise ValueError("no names of its classes")
    if isinstance(node, yaml.SequenceNode):
        names = [str(one.value) if isinstance(one, yaml.ScalarNode) else "" for one in node.value]
    else:
        by_key = _mapping(node, "the names of the classes, or list of them")
        numbers = {int(key): _text(one, "names") or "" for key, one in by_key.items() if re.fullmatch(r"\d{1,9}", key)}
        names = [numbers[number] for number in range(len(by_key)) if number in numbers]
        if len(names) < len(by_key):
            missing = next(number for number in range(len(by_key)) if number not in numbers)
            raise ValueError(f"{len(by_key)} names without one for the class {missing}; number them from 0 on")
    names = [name.strip() for name in names]
    if not names or not all(names):
        raise ValueError("no name, or an empty one, among the names of its classes")
    return names


def _keypoints(node: yaml.Node | None) -> int:
    if node is None:
        return 0
    texts = _texts(node, "kpt_shape")
    if len(texts) != 2 or not all(re.fullmatch(r"\d{1,4}", text) for text in texts):
        raise ValueError(f"kpt_shape: {shown(texts)}, not two whole numbers")
    return prod(map(int, texts))


def _base(file: Path, node: yaml.Node | None) -> tuple[Path, list[str]]:
    """The folder that splits are relative to, and a note where the one that is written is not there."""
    text = None if node is None else _text(node, "path")
    if text is None:
        return file.parent, []
    base = file.parent / _path(text)
    if files.is_folder(base):
        return base, []
    return file.parent, [f"path: {shown(text)} of {file.name} is not there: the folder of the file taken"]


def _path(text: str) -> Path:
    return path_of(text.replace("\\", "/"))


def _place(file: Path, base: Path, text: str, notes: list[str]) -> Path:
    """The folder or list that a split names; `../images` is also looked for as `images`, as Roboflow means it."""
    place = base / _path(text)
    inner = base / _path(re.sub(r"^(\.\./)+", "", text.replace("\\", "/")))
    for one in (place, inner):
        if files.is_folder(one) or files.is_there(one):
            if one != place:
                notes.append(f"{shown(text)} of {file.name} is not there: without ../ taken")
            return one
    return place
