"""What a universal perturbation is to make a network see, from the words of `--target` to a label map per image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from foolscape.attacks.pictures import LabelMap, filled, replaced
from foolscape.errors import SampleError, SettingError, unknown

NEAREST = "nearest"
_KINDS = ("hide", "text", "static")
_HIDE = re.compile(r"hide:(?P<hidden>.+?)(?:->(?P<by>.+))?")


@dataclass(frozen=True)
class Hide:
    """Pixels of the class `hidden` become the nearest other class (`by` None), or the class `by`; the rest stays."""

    hidden: int
    by: int | None

    tied = False

    def __call__(self, prediction: LabelMap) -> LabelMap:
        """The wanted label map for a clean prediction (H, W).

        Raises:
            SampleError: the image is this class everywhere, so that there is nothing to fill from.
        """
        if self.by is not None:
            return replaced(prediction, self.hidden, self.by)
        if (prediction == self.hidden).all():
            raise SampleError("expected another class to fill the hidden one from, got it alone")
        return filled(prediction, self.hidden) if (prediction == self.hidden).any() else prediction


@dataclass(frozen=True)
class Static:
    """Every image becomes the same picture, `wanted` (h, w), which is repeated as the tile is and moves with it."""

    wanted: LabelMap

    tied = True

    def __call__(self, prediction: LabelMap) -> LabelMap:
        """The wanted label map, whatever the prediction (H, W) is; void stays void."""
        height, width = prediction.shape
        copies = (-(-height // self.wanted.shape[0]), -(-width // self.wanted.shape[1]))
        wanted = np.tile(self.wanted, copies)[:height, :width]
        return np.where(prediction < 0, prediction, wanted)


Aim = Hide | Static


def aim_of(text: str, classes: tuple[str, ...], tile: tuple[int, int]) -> Aim:
    """The aim that `--target` names, for a model of these classes and a tile of this size (h, w).

    Args:
        text: `hide:CLASS`, `hide:CLASS->nearest`, `hide:CLASS->CLASS`; `text:WORD:CLASS[:CLASS]`, the word in the first
            class on the second; `static:FILE.png:CLASS[:CLASS]`, what is dark in the picture in the first class on the
            second. The second class is `background` unless given.

    Raises:
        UnknownNameError: no such kind of target, or class.
        SettingError: a part is missing, or a picture that does not fit.
    """
    kind = text.partition(":")[0]
    if kind not in _KINDS:
        raise unknown("kind of target", kind, _KINDS)
    if kind == "hide":
        match = _HIDE.fullmatch(text)
        if match is None:
            raise SettingError(f"target: expected hide:CLASS or hide:CLASS->CLASS, got {text!r}")
        by = match["by"]
        return Hide(_class(match["hidden"], classes), None if by in (None, NEAREST) else _class(by, classes))
    ink, on, rest = _painted(text, classes)
    dark = _written(rest, tile) if kind == "text" else _drawn(Path(rest), tile)
    return Static(np.where(dark, ink, on).astype(np.int64))


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
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"))
    except OSError as error:
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
