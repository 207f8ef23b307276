"""What several results per image come to: of an attack that tried several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foolscape.metrics.intervals import interval
from foolscape.metrics.score import number
from foolscape.metrics.segmentation import Counts, mean_iou, stack
from foolscape.metrics.tasks.segmentation import counts_of, scored
from foolscape.metrics.worst import picked, worst_choice
from foolscape.records.row import AnyRow
from foolscape.records.types import Object


class ObjectiveResults:
    """Takes the rows of attacked images as they come, and holds the counts of each result of an image.

    Args:
        classes: class names of the segmentation network.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes, self._names = classes, dict[str, None]()
        self._by_image: list[dict[str, Counts]] = []

    def add(self, row: AnyRow) -> None:
        """Take a row into account; it has `candidates` where the image was attacked several times."""
        self._names |= dict.fromkeys(one.name for one in row.candidates)
        self._by_image.append(
            {one.name: _small(counts_of(row.sample_of(one.measured), len(self._classes))) for one in row.candidates}
        )

    def summed(self, seed: int) -> Object:
        """The scores of each objective alone, and of the choice of one per image that makes mIoU small.

        Args:
            seed: of the intervals.

        Returns:
            {"objectives": {NAME: {every score, "fewest", "greedy"}}, "greedy": {every score, "ci95"}}. An image that
            was finished before an objective's turn counts for it with the result that finished it. "fewest" and
            "greedy" are numbers of images: those on which the objective left the fewest right pixels, and those that
            the greedy choice takes from it. Empty where no image has `candidates`.
        """
        if not self._names:
            return {}
        images = [stack(list(results.values())) for results in self._by_image]
        fewest = [int(one.hit.sum(axis=-1).argmin()) for one in images]
        greedy = worst_choice(images)
        greedy_counts = picked(images, greedy)
        low, high = interval(stack(greedy_counts), mean_iou, seed)
        return {
            "objectives": {
                name: {
                    **scored([results.get(name, list(results.values())[-1]) for results in self._by_image]),
                    "fewest": _times(name, self._by_image, fewest),
                    "greedy": _times(name, self._by_image, greedy),
                }
                for name in self._names
            },
            "greedy": {**scored(greedy_counts), "ci95": {"mIoU": [number(low), number(high)]}},
        }


def _small(counts: Counts) -> Counts:
    """In 32 bits, which hold the pixels of any image."""
    fields: list[Any] = [field.astype(np.int32) for field in (counts.hit, counts.truth, counts.predicted)]
    return Counts(*fields)


def _times(name: str, by_image: Sequence[Mapping[str, Counts]], picks: Sequence[int]) -> int:
    return sum(list(results)[k] == name for results, k in zip(by_image, picks, strict=True))
