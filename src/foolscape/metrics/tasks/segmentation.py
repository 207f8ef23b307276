"""How segmentation is scored: from the pixel counts of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.intervals import CONVENTIONS as INTERVALS
from foolscape.metrics.intervals import LEAST_CLEAN, SHOWN, around, weigh
from foolscape.metrics.score import Measure, Parts, Row, Score, TaskScores, number, numbers
from foolscape.metrics.segmentation import Counts, iou_per_class, mean_iou, pixel_accuracy, stack


@dataclass(frozen=True)
class CountedImages:
    """A `Pool` of pixel counts.

    Attributes:
        counts: (N, C).
        classes: C names.
    """

    counts: Counts
    classes: Sequence[str]

    @property
    def images(self) -> int:
        """N."""
        return len(self.counts.hit)

    def once(self) -> Counts:
        """(1, C) counts."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Counts:
        """(R, C) counts."""
        return weigh(self.counts, weights)

    def parts(self, without: Counts, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The IoU of every class; intervals where enough images show the class."""
        del only_class
        point = iou_per_class(self.once())[0]
        shown = (self.counts.truth > 0).sum(axis=0)
        ends = np.stack(around(point, iou_per_class(without), shown, SHOWN)).T
        by_class = dict(zip(self.classes, numbers(point), strict=True))
        return {"per_class": by_class}, {"per_class": dict(zip(self.classes, map(numbers, ends), strict=True))}


def pooled(rows: Sequence[Row], classes: Sequence[str]) -> CountedImages:
    """The counts of rows, one per image."""
    return CountedImages(stack([Counts.from_json(row["counts"], len(classes)) for row in rows]), classes)


def right(row: Row, only_class: int | None) -> float | None:
    """Of the labelled pixels those of the right class."""
    del only_class
    hit, labelled = (sum(row["counts"][name].values()) for name in ("hit", "truth"))
    return hit / labelled if labelled else None


def scored(images: Sequence[Counts]) -> dict[str, float | None]:
    """Every score of images with the counts (C,) each, without intervals."""
    once = weigh(stack(images), np.ones((1, len(images))))
    return {score.key: number(score.of(once)[0]) for score in SEGMENTATION.scores}


SEGMENTATION: Final = Measure[Counts](
    name="segmentation",
    headline="mIoU",
    own=(
        Score(
            "mIoU",
            "mIoU",
            "mIoU: intersections and unions are pooled over all images, then averaged over the classes in the truth.",
            mean_iou,
        ),
        Score(
            "pixel_accuracy",
            "pixel acc.",
            "Pixel accuracy: correct pixels over counted pixels, pooled over all images.",
            pixel_accuracy,
        ),
    ),
    pool=pooled,
    parts=Parts("class", "IoU", "per_class"),
    notes={
        "per_class": "IoU of a class: hit / (truth + predicted - hit), pooled; not defined where the truth never has "
        "it.",
        "void": "Pixels labelled 255 (void) count nowhere, neither as truth nor as prediction.",
        **INTERVALS,
    },
    below=("void", "ci95"),
    least_clean=LEAST_CLEAN,
)

RECORD: Final = TaskScores((SEGMENTATION,), right)
