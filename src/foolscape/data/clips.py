"""What a data set of clips hands out: frames with the objects that a tracker is given, and the truth to judge it by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from foolscape.data.sample import Data


@dataclass(frozen=True)
class Given:
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
            None where no more is known than what is given.
        judged: J indices of frames, rising; empty without truth.
        categories: of the labels, where the data set's measure asks for them (YouTube-VOS); else empty.
        notes: what had to be done to read it, for the record.
    """

    id: str
    frames: NDArray[np.uint8]
    names: tuple[str, ...]
    given: tuple[Given, ...]
    truth: NDArray[np.uint8] | None
    judged: tuple[int, ...]
    categories: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


ClipData: TypeAlias = Data[Clip]
"""A data set for video object segmentation. Its `classes` are ("object",), or None if there is no truth."""
