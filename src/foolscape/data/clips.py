"""What a data set of clips hands out: frames with the objects that a tracker is given, and the truth to judge it by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.data.images import MIN_SIDE
from foolscape.data.sample import VOID, Data
from foolscape.errors import SampleError, SettingError

MOST_OBJECTS = 20
"""How many objects a clip may have: a tracker's memory and time grow with them, and no data set comes near."""

CLASSES = ("object",)
"""The classes of a data set of clips that has truth."""


@dataclass(frozen=True)
class GivenMask:
    """Objects that a tracker is handed in one frame of a clip.

    Attributes:
        frame: index of the frame.
        mask: (H, W) uint8, the labels of the objects that are given here, 0 everywhere else; without void.
    """

    frame: int
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """A clip as its files hold it.

    Attributes:
        id: name within the data set, unique, stable between runs; may contain `/`.
        frames: (T, H, W, 3) uint8 RGB, T at least 2, all of one size.
        names: of the frames, such as 00000: results are written under them.
        given: by rising frame, the first at frame 0; each object is given once, under the label that it has in the
            files (labels may have gaps).
        truth: (J, H, W) uint8 label maps of the frames `judged`: 0 for background, the objects' labels, 255 for void;
            None where no more is known than what is given. A label that is never given stays as the files have it.
        judged: J indices of frames, rising; empty without truth.
        categories: of the labels, where the data set's measure asks for them (YouTube-VOS); else empty.
        seen: the categories that this measure calls seen; None where they are not known.
        notes: what had to be done to read it, for the record.
    """

    id: str
    frames: NDArray[np.uint8]
    names: tuple[str, ...]
    given: tuple[GivenMask, ...]
    truth: NDArray[np.uint8] | None
    judged: tuple[int, ...]
    categories: Mapping[int, str] = field(default_factory=dict)
    seen: frozenset[str] | None = None
    notes: tuple[str, ...] = ()


ClipData: TypeAlias = Data[Clip]
"""A data set for video object segmentation. Its `classes` are ("object",), or None if there is no truth."""


def objects_in(mask: NDArray[np.uint8]) -> tuple[int, ...]:
    """The labels of the objects in `mask`, rising, without background and void."""
    return tuple(
        label for label in np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist() if 0 < label < VOID
    )


def resize_clip(clip: Clip, size: tuple[int, int]) -> Clip:
    """`clip` at `size` = (H, W): frames bilinear at 8 bits, masks nearest, both as Pillow does it.

    Raises:
        SettingError: a side of `size` is shorter than 8 pixels.
        SampleError: a given object has no pixel left in the frame where it is given.
    """
    height, width = size
    if min(size) < MIN_SIDE:
        raise SettingError(f"expected a size of at least {MIN_SIDE}x{MIN_SIDE} pixels, got {height}x{width}")
    if clip.frames.shape[1:3] == (height, width):
        return clip
    masks = tuple(dataclasses.replace(one, mask=_resized_mask(one.mask, size)) for one in clip.given)
    for before, after in zip(clip.given, masks, strict=True):
        lost = sorted(set(objects_in(before.mask)) - set(objects_in(after.mask)))
        if lost:
            raise SampleError(
                f"{clip.id}: expected every given object to keep a pixel at {height}x{width}, got none of "
                f"{_listed(lost)} in frame {clip.names[before.frame]}; choose a larger size or leave the clip out"
            )
    frames = np.empty((len(clip.frames), height, width, 3), np.uint8)
    for index, frame in enumerate(clip.frames):
        frames[index] = np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))
    truth = clip.truth
    if truth is not None:
        truth = np.stack([_resized_mask(mask, size) for mask in truth])
    return dataclasses.replace(clip, frames=frames, given=masks, truth=truth)


def _resized_mask(mask: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.array(image, dtype=np.uint8)


def _listed(labels: list[int]) -> str:
    return f"object{'s' if len(labels) > 1 else ''} {', '.join(map(str, labels))}"
