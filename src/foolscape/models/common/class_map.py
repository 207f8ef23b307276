"""Class names: read from a file, given to the channels of a network, and matched to those of a data set."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.wrappers import CheckedSegmenter, ModuleSegmenter
from foolscape.regular import read_text

S = TypeVar("S", bound=ModuleSegmenter | CheckedSegmenter)


def read_classes(path: Path) -> tuple[str, ...]:
    """The class names in the text file `path`: one per line, in channel order; blank lines and # comments are skipped.

    Raises:
        SettingError: the file is missing, not UTF-8 text, or names fewer than two classes or one twice.
    """
    try:
        lines = read_text(path).split("\n")
    except (OSError, ValueError) as error:
        raise SettingError(f"expected a class file (text, one name per line) at {path}, got {error}") from error
    names = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    if len(names) < 2:
        raise SettingError(f"expected at least 2 class names, one per line, in {path}, got {len(names)}")
    try:
        return distinct(names)
    except ModelError as error:
        raise SettingError(f"{path}: {error}") from None


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """`names` as a tuple; `ModelError` if two are the same but for case and surrounding spaces."""
    seen: dict[str, str] = {}
    for name in names:
        if (first := seen.setdefault(_key(name), name)) is not name or list(names).count(name) > 1:
            raise ModelError(f"expected distinct class names, got {first!r} and {name!r}; rename one of them")
    return tuple(names)


def _key(name: str) -> str:
    return name.strip().casefold()


def renamed(segmenter: S, names: Sequence[str], *notes: str) -> S:
    """`segmenter` with the channels called `names`; `ModelError` unless there is one distinct name per channel."""
    if len(names) != segmenter.channels:
        raise ModelError(
            f"expected one class name per output channel ({segmenter.channels}), got {len(names)} names: "
            f"{_shortly(names)}; give the right names with ?classes=FILE, one per line"
        )
    return dataclasses.replace(segmenter, classes=distinct(names), notes=(*segmenter.notes, *notes))


def name_classes(segmenter: S, data_classes: Sequence[str] | None) -> S:
    """`segmenter` with class names, if it has none: the data set's, or "class 0", "class 1", ... for data without.

    Raises:
        ModelError: the network has another number of channels than the data set has classes.
    """
    if segmenter.classes:
        return segmenter
    if data_classes is None:
        return renamed(segmenter, [f"class {i}" for i in range(segmenter.channels)])
    if len(data_classes) != segmenter.channels:
        raise ModelError(
            f"expected a network with one channel per class of the data set ({len(data_classes)}: "
            f"{_shortly(data_classes)}), got {segmenter.channels} channels without names; name them with "
            "?classes=FILE, one per line"
        )
    return renamed(segmenter, data_classes, "the network names no classes: those of the data set, in its order")


def match_classes(model_classes: Sequence[str], data_classes: Sequence[str]) -> tuple[int, ...]:
    """For each class of the data set the index of the model's channel of that name (case and outer spaces ignored).

    The model may have channels that the data set lacks, such as void.

    Raises:
        ModelError: the model lacks a class of the data set (near misses are named), or a name stands twice.
    """
    index = {_key(name): i for i, name in enumerate(distinct(model_classes))}
    missing = [name for name in distinct(data_classes) if _key(name) not in index]
    if missing:
        raise ModelError(
            f"expected a channel for each of the {len(data_classes)} classes of the data set, got none for "
            f"{'; '.join(_near(name, model_classes) for name in missing[:4])}{' ...' if len(missing) > 4 else ''}; the "
            f"model's {len(model_classes)} classes: {_shortly(model_classes)}. Rename them with ?classes=FILE"
        )
    return tuple(index[_key(name)] for name in data_classes)


def _near(name: str, known: Sequence[str]) -> str:
    """`name` and the names in `known` that it may be a variant of."""
    spelled = {_key(k): k for k in known}
    near = difflib.get_close_matches(_key(name), spelled, n=2, cutoff=0.5)
    return repr(name) + (f" (is it {' or '.join(repr(spelled[k]) for k in near)}?)" if near else "")


def _shortly(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
