"""A sample of any task, as what is counted of it and what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data.boxes import DetectionSample
from foolscape.data.clips import Clip, objects_in
from foolscape.data.sample import VOID, Sample
from foolscape.metrics.boxes import everywhere
from foolscape.records.overview import DrawnSample
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO


@dataclass(frozen=True)
class SampleView:
    """A sample.

    Attributes:
        tile: what is drawn of it.
        things: by class, how many pixels, boxes or objects there are; None without truth.
        ignored: pixels that are void, or boxes that are ignore regions.
        notes: what had to be done to read it.
    """

    tile: DrawnSample
    things: Mapping[int, int] | None
    ignored: int
    notes: tuple[str, ...]


def view_labels(sample: Sample) -> SampleView:
    """Of an image with a label map: its pixels."""
    tile = DrawnSample(sample.id, sample.image, sample.labels)
    if sample.labels is None:
        return SampleView(tile, None, 0, sample.notes)
    counts = np.bincount(sample.labels.ravel(), minlength=256)
    things = {index: int(counts[index]) for index in np.flatnonzero(counts[:VOID]).tolist()}
    return SampleView(tile, things, int(counts[VOID]), sample.notes)


def view_boxes(sample: DetectionSample) -> SampleView:
    """Of an image with boxes: those that count."""
    truth = sample.truth
    if truth is None:
        return SampleView(DrawnSample(sample.id, sample.image), None, 0, sample.notes)
    drawn = ~everywhere(truth)
    ignored: NDArray[np.bool_] = (truth.crowd | truth.difficult) & drawn
    tile = DrawnSample(sample.id, sample.image, None, truth.boxes[drawn], truth.labels[drawn], ignored[drawn])
    found, counts = np.unique(truth.labels[drawn & ~ignored], return_counts=True)
    things = dict(zip(found.tolist(), counts.tolist(), strict=True))
    return SampleView(tile, things, int(ignored.sum()), sample.notes)


def view_clip(clip: Clip) -> SampleView:
    """Of a clip: its objects, and in its first frame those that are given there."""
    labels = {label for one in clip.given for label in objects_in(one.mask)}
    tile = DrawnSample(clip.id, clip.frames[0], clip.given[0].mask)
    return SampleView(tile, {0: len(labels)}, 0, clip.notes)


VIEWS: Final[Mapping[str, tuple[Callable[[Any], SampleView], str]]] = {
    SEGMENTATION.name: (view_labels, "pixels"),
    DETECTION.name: (view_boxes, "boxes"),
    VIDEO.name: (view_clip, "objects"),
}
"""By task: what makes a view of its sample, and what is counted."""
