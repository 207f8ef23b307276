"""What a promptable tracker is shown of each object in the first frame: its mask, its box, or clicks on it.

All follow from the mask of the annotation alone, and so stay as they are whatever an attack does to the frame. Ravi et
al., SAM 2: Segment Anything in Images and Videos, 2024, section 6.2, compares the mask, the box, and 1, 3 and 5 clicks
in the first frame.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.errors import SettingError

_INSIDE: Final = 1
_CORNERS: Final = (2, 3)
"""How SAM calls a click on the object, and the corners of a box at the top left and the bottom right."""


@dataclass(frozen=True)
class Prompt:
    """How each object of the first frame is shown to the network.

    Attributes:
        clicks: so many clicks on it; 0: none.
        box: whether its box is given. Without either it is its mask.
    """

    clicks: int = 0
    box: bool = False

    @property
    def is_mask(self) -> bool:
        """Whether it is the mask itself."""
        return not (self.clicks or self.box)

    def note(self, size: tuple[int, int]) -> str:
        """How a table says it, for a network whose frames are of `size` (H, W)."""
        if self.is_mask:
            return "what is remembered of the first frame is its mask made binary at that size"
        if self.box:
            what = "the box around its pixels in the mask that is given, from the first of them to the last"
        elif self.clicks == 1:
            what = "one click at the pixel of the mask that is given that lies farthest from the mask's border"
        else:
            what = (
                f"{self.clicks} clicks in the mask that is given, each at its pixel that lies farthest from the mask's "
                "border and from the clicks before"
            )
        return (
            f"an object is shown by {what}, scaled to {size[0]} x {size[1]}; what is remembered of the first frame is "
            "the network's own answer there, made binary"
        )

    def points(self, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Where the box or the clicks are of the object in `mask` (H, W), which is not 0 where the object is.

        The box has the first and the last row and column of the object as its sides, not one more: the encoder adds
        half a pixel to all, as SAM 2's own `mask_to_box` wants it. The first click is the pixel with the largest
        Euclidean distance to what is not the object, the outside of the image included, as SAM's evaluation has it;
        of several the first one, row by row. For the next, clicks before count as the border. SAM 2's evaluation
        places those by the network's errors instead, which an attack moves. An object of fewer pixels than clicks is
        clicked on all of them.

        Returns:
            (P, 2) int64, the column x and the row y in pixels of the mask, and (P,) int64, what SAM calls them.
        """
        there = (mask != 0).cpu().numpy()
        if self.box:
            rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
            corners = [[columns[0], rows[0]], [columns[-1], rows[-1]]]
            return torch.tensor(np.array(corners)), torch.tensor(_CORNERS)
        places = _clicked(np.packbits(there).tobytes(), there.shape, self.clicks)
        return torch.tensor(places), torch.full((len(places),), _INSIDE)


MASK: Final = Prompt()
BOX: Final = Prompt(box=True)


def prompt_of(text: str) -> Prompt:
    """The prompt that `?prompt=text` means: mask, box, click, or a number of clicks such as 3-clicks.

    Raises:
        SettingError: it is none of these.
    """
    if text in ("mask", "box"):
        return MASK if text == "mask" else BOX
    found = re.fullmatch(r"([1-9]\d?)-clicks?", "1-click" if text == "click" else text)
    if found is None:
        raise SettingError(f"prompt: expected mask, box, click or a number of clicks such as 3-clicks, got {text!r}")
    return Prompt(int(found[1]))


@lru_cache(maxsize=64)
def _clicked(mask: bytes, shape: tuple[int, int], count: int) -> tuple[tuple[int, int], ...]:
    """(x, y) of up to `count` clicks on the object in `mask`, a bit per pixel; kept, as attacks ask at every step."""
    from scipy.ndimage import distance_transform_edt  # here, for it takes long to import

    bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), count=shape[0] * shape[1])
    there = bits.reshape(shape).astype(bool)
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    # Nothing of the object lies beyond its box, so that the ring around the box is border.
    left_over: NDArray[np.bool_] = np.pad(there[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    places: list[tuple[int, int]] = []
    while len(places) < count and left_over.any():
        y, x = np.unravel_index(int(distance_transform_edt(left_over).argmax()), left_over.shape)
        left_over[y, x] = False
        places.append((int(x) - 1 + left, int(y) - 1 + top))
    return tuple(places)
