"""What the pixels of label files mean: which value or colour is which class, and which counts nowhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from foolscape.data.images import ImageSource
from foolscape.data.labels.file import LabelFile
from foolscape.data.sample import VOID
from foolscape.errors import SampleError

MOST_CLASSES: Final = 254
"""Label maps are kept in 8 bits; 255 is void."""


class LabelReader(Protocol):
    """What the pixels of a label file mean, by a legend or by a table of its own."""

    def read(self, labels: LabelFile) -> NDArray[np.uint8]:
        """(H, W) the class indices, `VOID` where nothing counts; raises `SampleError`."""
        ...

    def is_black_and_white(self, labels: LabelFile) -> bool:
        """Whether a file looks like a mask of one class whose 255 is void here."""
        ...


@dataclass(frozen=True)
class Legend:
    """What the pixels of label files mean.

    Attributes:
        classes: names of the classes.
        meanings: by what a pixel holds, a value below 65,536 or a colour as red * 65,536 + green * 256 + blue, the
            index of the class, or `VOID`. Anything else in a file is an error.
        coloured: whether the keys are colours.
    """

    classes: tuple[str, ...]
    meanings: Mapping[int, int]
    coloured: bool = False

    def read(self, labels: LabelFile) -> NDArray[np.uint8]:
        """(H, W) the class indices of a label file, `VOID` where nothing counts.

        Raises:
            SampleError: it holds something that has no meaning, or colours where the keys are values.
        """
        pixels = one_number(labels.colours) if self.coloured else labels.values
        indices, unknown = look_up(pixels, self.meanings)
        if unknown.any():
            raise self._unknown(labels.path, pixels[unknown])
        return indices

    @property
    def text(self) -> str:
        """All of it in a line, for fingerprints."""
        return json.dumps([self.classes, self.coloured, sorted(self.meanings.items())])

    def is_black_and_white(self, labels: LabelFile) -> bool:
        """Whether a file holds 0 and 255 alone, as a mask of one class does, and 255 is void here."""
        if self.coloured or self.meanings.get(VOID) != VOID:
            return False
        return set(np.unique(labels.values).tolist()) == {0, VOID}

    def _unknown(self, path: ImageSource, pixels: NDArray[np.int32]) -> SampleError:
        got = counted(pixels, self.coloured)
        return SampleError(f"{path}: expected {self.described}, got {got}; map them to the classes or to void")

    @property
    def described(self) -> str:
        """Which values or colours there are, for messages: `label values 0 to 10, or 11 for void`."""
        what = "label colours" if self.coloured else "label values"
        of_classes = [key for key, meaning in sorted(self.meanings.items()) if meaning != VOID]
        of_void = [key for key, meaning in sorted(self.meanings.items()) if meaning == VOID]
        void = f", or {_listed(of_void, self.coloured)} for void" if of_void else ""
        return f"{what} {_listed(of_classes, self.coloured)}{void}"


def numbered(classes: Sequence[str], void: Collection[int] = (VOID,), first: int = 0) -> Legend:
    """The legend of files in which `first`, `first` + 1, .. are the classes, and the values `void` count nowhere."""
    meanings = {first + place: place for place in range(len(classes))}
    return Legend(tuple(classes), {**meanings, **dict.fromkeys(void, VOID)})


def look_up(pixels: NDArray[np.int32], meanings: Mapping[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """(H, W) what each pixel means, and whether it has no meaning."""
    keys = np.array(sorted(meanings), np.int32)
    classes = np.array([meanings[key] for key in keys.tolist()], np.uint8)
    places = np.searchsorted(keys, pixels).clip(max=len(keys) - 1)
    return classes[places], keys[places] != pixels


def counted(pixels: NDArray[np.int32], coloured: bool = False) -> str:
    """The first few of what `pixels` hold, and how often each."""
    found, counts = np.unique(pixels, return_counts=True)
    shown = [f"{shown_key(key, coloured)} ({count} pixels)" for key, count in zip(found[:5], counts[:5], strict=True)]
    return ", ".join(shown) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def one_number(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(...) the colours (..., 3) RGB as one number each."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    packed: NDArray[np.int32] = (red << 16) + (green << 8) + blue
    return packed


def shown_key(key: int, coloured: bool) -> str:
    """A value, or a colour as `#00ff7f`."""
    return f"#{key:06x}" if coloured else str(key)


def _listed(keys: Sequence[int], coloured: bool) -> str:
    """`0 to 10`, `0, 1, 7 to 9` or a few colours and how many more there are."""
    runs: list[list[int]] = []
    for key in keys:
        if runs and key == runs[-1][-1] + 1 and not coloured:
            runs[-1][1:] = [key]
        else:
            runs.append([key])
    shown = [" to ".join(shown_key(key, coloured) for key in run) for run in runs]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")
