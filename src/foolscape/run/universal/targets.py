"""What a universal perturbation is to make a model see, from the words of `--target`."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from foolscape.attacks.universal.label_maps import LabelMap
from foolscape.errors import SettingError, unknown
from foolscape.paths import path_of
from foolscape.regular import check_regular
from foolscape.run.settings.config import Task
from foolscape.run.universal.record import universal_of
from foolscape.tasks.base import task_named

NEAREST: Final = "nearest"
OTHER: Final = "other"
ALL, UNTARGETED = "all", "untargeted"
PICTURES: Final = ("text", "static", "scene")
"""Kinds of targets that are the same picture for every image."""
KINDS: Final = ("hide", *PICTURES, UNTARGETED)
"""All kinds of targets; each task has some of them."""
_HIDE = re.compile(r"hide:(?P<hidden>.+?)(?:->(?P<by>.+))?")


@dataclass(frozen=True)
class Hide:
    """What the model sees of one class becomes something else, and the rest stays.

    Attributes:
        hidden: the class; None: every object of a detector.
        by: the class it becomes; nearest: the nearest other one, as in the paper; other: any other, and for a detector
            the background.
    """

    hidden: int | None
    by: int | Literal["nearest", "other"]


@dataclass(frozen=True)
class Static:
    """Every image becomes the same picture.

    Attributes:
        wanted: (h, w) classes.
        tied: whether it is of the size of the tile, repeated and moved with it; if not, it is brought to the size of
            every image.
    """

    wanted: LabelMap
    tied: bool


@dataclass(frozen=True)
class Scene:
    """Every image becomes what the model sees in the training image `name` (Metzen et al. 2017, section 3.1)."""

    name: str


@dataclass(frozen=True)
class Untargeted:
    """The model sees something else, whatever it is, everywhere."""


Target = Hide | Static | Scene | Untargeted


def aim_of(text: str, classes: tuple[str, ...], tile: tuple[int, int], task: Task) -> Target:
    """The aim that `--target` names, for a model of these classes and a tile of this size (h, w).

    Args:
        text: `hide:CLASS`, `hide:CLASS->nearest`, `hide:CLASS->CLASS`, for a detector `hide:all` too; `text:WORD:CLASS
            [:CLASS]`, the word in the first class on the second; `static:FILE.png:CLASS[:CLASS]`, what is dark in the
            picture in the first class on the second; `scene:ID`; `untargeted`. The second class is `background`
            unless given.
        classes: of the model, for a detector without background.

    Raises:
        UnknownNameError: no such kind of target, or class.
        SettingError: a part is missing, or a picture that does not fit, or a target that is for the other task.
    """
    kind, _, rest = text.partition(":")
    kinds = universal_of(task).kinds
    if kind not in KINDS:
        raise unknown("kind of target", kind, kinds)
    if kind not in kinds:
        raise SettingError(f"target: expected {' or '.join(kinds)} for a {task_named(task).model}, got {text!r}")
    if kind == UNTARGETED:
        return Untargeted()
    if kind == "hide":
        return _hide(text, classes, task)
    if kind == "scene":
        return Scene(rest)
    ink, on, what = _painted(text, classes)
    dark = _written(what, tile) if kind == "text" else _drawn(path_of(what), tile)
    return Static(np.where(dark, ink, on).astype(np.int64), tied=True)


def picture_sha256(text: str, classes: tuple[str, ...]) -> str | None:
    """Of the file that the target `static:FILE.png:..` names; None for a target without one."""
    if text.partition(":")[0] != "static":
        return None
    return hashlib.sha256(path_of(_painted(text, classes)[2]).read_bytes()).hexdigest()


def _hide(text: str, classes: tuple[str, ...], task: Task) -> Hide:
    match = _HIDE.fullmatch(text)
    if match is None:
        raise SettingError(f"target: expected hide:CLASS or hide:CLASS->CLASS, got {text!r}")
    by: int | Literal["nearest", "other"]
    if match["by"] is None:
        by = OTHER
    elif match["by"] == NEAREST and universal_of(task).neighbours:
        by = NEAREST
    else:
        by = _class(match["by"], classes)
    if universal_of(task).all_at_once and match["hidden"] == ALL and ALL not in classes:
        return Hide(None, by)
    hidden = _class(match["hidden"], classes)
    if hidden == by:
        raise SettingError(f"target: expected another class to put in the place of the hidden one, got {text!r}")
    return Hide(hidden, by)


def _painted(text: str, classes: tuple[str, ...]) -> tuple[int, int, str]:
    """The classes of ink and ground, and what stands between the kind and them."""
    _, _, rest = text.partition(":")
    parts = rest.split(":")
    if len(parts) >= 3 and parts[-1] in classes and parts[-2] in classes:
        return _class(parts[-2], classes), _class(parts[-1], classes), ":".join(parts[:-2])
    if len(parts) < 2:
        raise SettingError(f"target: expected {text.partition(':')[0]}:WHAT:CLASS, got {text!r}")
    if "background" not in classes:
        raise SettingError(
            f"target: expected two classes, of the ink and of the ground, for a model without background, got {text!r}"
        )
    return _class(parts[-1], classes), classes.index("background"), ":".join(parts[:-1])


def _class(name: str, classes: tuple[str, ...]) -> int:
    if name not in classes:
        raise unknown("class", name, classes)
    return classes.index(name)


def _written(word: str, tile: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w): `word` as large as fits into the tile."""
    height, width = tile
    for size in range(2 * height, 5, -1):
        font = ImageFont.load_default(size)
        left, upper, right, lower = font.getbbox(word)
        if right - left <= 0.9 * width and lower - upper <= 0.9 * height:
            page = Image.new("L", (width, height))
            place = ((width - right - left) / 2, (height - lower - upper) / 2)
            ImageDraw.Draw(page).text(place, word, fill=255, font=font)
            dark: NDArray[np.bool_] = np.asarray(page) > 127
            return dark
    raise SettingError(f"target: expected a word that fits into a tile of {height} x {width}, got {word!r}; shorten it")


def _drawn(path: Path, tile: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w): what is dark in a black and white picture of the size of the tile."""
    try:
        check_regular(path)
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # as Pillow's decoders raise
        raise SettingError(f"target: expected a picture at {path}, got {error}") from error
    if grey.shape != tile:
        raise SettingError(
            f"target: expected a picture of the size of the tile, {tile[0]} x {tile[1]}, got {grey.shape[0]} x "
            f"{grey.shape[1]}; resize it or give --tile"
        )
    if not np.isin(grey, (0, 255)).all():
        raise SettingError(f"target: expected black (ink) and white alone in {path}, got other shades")
    dark: NDArray[np.bool_] = grey == 0
    return dark
