"""What several results per image come to: of an attack that tried several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foolscape.metrics.intervals import interval
from foolscape.metrics.score import number
from foolscape.metrics.segmentation import Counts, mean_iou, stack
from foolscape.metrics.tasks.segmentation import counts_of, scored
from foolscape.metrics.worst import picked, worst_choice
from foolscape.records.row import AnyRow
from foolscape.records.types import Object


def several(rows: Sequence[AnyRow], classes: Sequence[str], seed: int) -> Object:
    """The scores of each objective alone, and of the choice of one per image that makes mIoU small.

    Args:
        rows: of the attacked images of one segmentation network; those with `candidates` were attacked several times.
        classes: its class names.
        seed: of the intervals.

    Returns:
        {"objectives": {NAME: {every score, "fewest", "greedy"}}, "greedy": {every score, "ci95"}}. An image that was
        finished before an objective's turn counts for it with the result that finished it. "fewest" and "greedy" are
        numbers of images: those on which the objective left the fewest right pixels, and those that the greedy choice
        takes from it. Empty where no image has `candidates`.
    """
    names = list(dict.fromkeys(one.name for row in rows for one in row.candidates))
    if not names:
        return {}
    by_image = [
        {one.name: counts_of(row.sample_of(one.measured), len(classes)) for one in row.candidates} for row in rows
    ]
    images = [stack(list(results.values())) for results in by_image]
    fewest = [int(one.hit.sum(axis=-1).argmin()) for one in images]
    greedy = worst_choice(images)
    greedy_counts = picked(images, greedy)
    low, high = interval(stack(greedy_counts), mean_iou, seed)
    return {
        "objectives": {
            name: {
                **scored([results.get(name, list(results.values())[-1]) for results in by_image]),
                "fewest": _times(name, by_image, fewest),
                "greedy": _times(name, by_image, greedy),
            }
            for name in names
        },
        "greedy": {**scored(greedy_counts), "ci95": {"mIoU": [number(low), number(high)]}},
    }


def _times(name: str, by_image: Sequence[Mapping[str, Counts]], picks: Sequence[int]) -> int:
    return sum(list(results)[k] == name for results, k in zip(by_image, picks, strict=True))
