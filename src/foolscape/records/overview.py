"""What a data set was understood to be: what `foolscape check --data` prints and draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassCount:
    """How often a class was met.

    Attributes:
        name: of the class.
        images: images that show it.
        things: its pixels, boxes or objects.
        share: of all things that count, in percent; 0 where there are none.
    """

    name: str
    images: int
    things: int
    share: float


@dataclass(frozen=True)
class Oddity:
    """A sample that looks unlike others.

    Attributes:
        id: of the sample.
        what: why, in words.
        weight: how odd; the highest comes first.
    """

    id: str
    what: str
    weight: float


@dataclass(frozen=True)
class DrawnSample:
    """A sample to draw, its truth over it.

    Attributes:
        id: of the sample.
        image: (H, W, 3) uint8 RGB; of a clip its first frame.
        labels: (H, W) uint8 label map, 255 for void; of a clip the objects that are given, 0 for background.
        boxes: (K, 4) x1, y1, x2, y2 in pixels.
        box_classes: (K,) indices of their classes.
        ignored: (K,) whether a box is an ignore region.
    """

    id: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None = None
    boxes: NDArray[np.float64] | None = None
    box_classes: NDArray[np.int64] | None = None
    ignored: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Overview:
    """What was understood of a data set.

    Attributes:
        spec, split, task: what was opened, and what for.
        classes: names of its classes; None without truth.
        total: how many samples it lists.
        looked_at: how many of them were read.
        failures: ids of those that cannot be used, each with the reason.
        sizes: heights and widths as `360x480` with how many images have them, the most frequent first.
        counts: of the classes, in their order; empty without truth.
        things: what is counted: pixels, boxes or objects.
        void: percent of the pixels that count nowhere, or of the boxes that are ignore regions; None without truth.
        edge_ratio: the median over images of how much more they change at the borders of their labels than elsewhere;
            near 1 where labels are not those of their images; None where there are none.
        bare: how many samples that can be read show no class at all.
        notes: what the data set says of itself.
        remarks: what had to be done to read samples, with how many it concerns, the most frequent first.
        oddities: the oddest samples, the oddest first.
        tiles: samples to look at, the oddest among them.
    """

    spec: str
    split: str | None
    task: str
    classes: tuple[str, ...] | None
    total: int
    looked_at: int
    failures: tuple[tuple[str, str], ...]
    sizes: tuple[tuple[str, int], ...]
    counts: tuple[ClassCount, ...]
    things: str
    void: float | None
    edge_ratio: float | None
    bare: int
    notes: tuple[str, ...]
    remarks: tuple[tuple[str, int], ...]
    oddities: tuple[Oddity, ...]
    tiles: tuple[DrawnSample, ...]
