"""From what the rows hold of one condition to its scores, by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics import (
    CONVENTIONS,
    DETECTION_CONVENTIONS,
    VIDEO_CONVENTIONS,
    YOUTUBE_VOS_CONVENTIONS,
    youtube_vos,
)
from foolscape.metrics import video as davis
from foolscape.metrics.box_counts import READABLE, BoxCounts, count_boxes, preserved
from foolscape.metrics.box_counts import total as total_boxes
from foolscape.metrics.boxes import Found, Truth
from foolscape.metrics.detection import score_detection, weighted_ap50
from foolscape.metrics.intervals import LEAST, LEAST_CLEAN, interval, interval_per_class, weigh
from foolscape.metrics.paired import Difference, Weighted, paired_difference
from foolscape.metrics.segmentation import Counts, iou_per_class, mean_iou, pixel_accuracy, stack, total
from foolscape.run.directory.store import Record
from foolscape.run.tasks.segmentation import FOOLED
from foolscape.run.tasks.video import LOST


class Score(Protocol):
    """From what the rows hold, one per image, to the scores of a condition as in summary.json."""

    def __call__(
        self, measured: Sequence[Record], classes: Sequence[str], seed: int, victim: int | None, clean: bool = False
    ) -> Record:
        """The scores.

        Args:
            measured: N >= 1 rows.
            classes: class names.
            seed: of the intervals.
            victim: the attacked class, if there is one.
            clean: whether the images are as they were. Any change, be it noise, breaks some images and spares others,
                so that a few tell less of them all, and their scores have an interval from more images on.
        """
        ...


Headline = Callable[[Sequence[Record], Sequence[str]], Weighted]
"""(what the rows hold, one per image; class names) -> the headline score, by how often each image counts."""


@dataclass(frozen=True)
class Scoring:
    """How a task is scored.

    Attributes:
        score: one condition.
        headline: the key of the score that sums a condition up.
        weighted: that score of one condition, as a function of how often each image counts.
        conventions: a sentence for each score.
        keys: the scores that are single numbers.
    """

    score: Score
    headline: str
    weighted: Headline
    conventions: Mapping[str, str]
    keys: tuple[str, ...]

    def difference(
        self, rows_a: Sequence[Record], rows_b: Sequence[Record], classes: Sequence[str], seed: int
    ) -> Difference:
        """The headline score of one condition less that of another, in points, paired by image.

        Args:
            rows_a, rows_b: N >= 1 each, of the same images in the same order.
            classes: class names.
            seed: of the intervals.

        Raises:
            ValueError: the two do not have as many rows.
        """
        if len(rows_a) != len(rows_b):
            raise ValueError(f"rows to be paired must be of the same images; got {len(rows_a)} and {len(rows_b)}")
        a, b = self.weighted(rows_a, classes), self.weighted(rows_b, classes)
        return paired_difference(a, b, len(rows_a), seed)


def _segmentation(
    measured: Sequence[Record], classes: Sequence[str], seed: int, victim: int | None, clean: bool = False
) -> Record:
    del victim
    least = LEAST_CLEAN if clean else LEAST
    images = [Counts.from_json(one["counts"], len(classes)) for one in measured]
    pooled, stacked = total(images), stack(images)
    return {
        "mIoU": number(mean_iou(pooled)),
        "pixel_accuracy": number(pixel_accuracy(pooled)),
        "per_class": dict(zip(classes, _numbers(iou_per_class(pooled)), strict=True)),
        "ci95": {
            "mIoU": _numbers(np.stack(interval(stacked, mean_iou, seed, least))),
            "pixel_accuracy": _numbers(np.stack(interval(stacked, pixel_accuracy, seed, least))),
            "per_class": {
                name: _numbers(ends)
                for name, ends in zip(classes, np.stack(interval_per_class(stacked, seed)).T, strict=True)
            },
        },
    }


def _miou(measured: Sequence[Record], classes: Sequence[str]) -> Weighted:
    counts = stack([Counts.from_json(one["counts"], len(classes)) for one in measured])
    return lambda weights: mean_iou(weigh(counts, weights))


def _detection(
    measured: Sequence[Record], classes: Sequence[str], seed: int, victim: int | None, clean: bool = False
) -> Record:
    del clean
    truths = [Truth.from_json(one["truth"]) for one in measured]
    founds = [Found.from_json(one["found"]) for one in measured]
    counts = total_boxes([count_boxes(t, f, len(classes), READABLE) for t, f in zip(truths, founds, strict=True)])
    scores = score_detection(truths, founds, classes, seed) | {"boxes": _boxes(counts, slice(None), len(measured))}
    if victim is None:
        return scores
    chosen = slice(victim, victim + 1)
    others = preserved(counts, [victim])
    return scores | {
        "victim_boxes": _boxes(counts, chosen, len(measured)),
        "preserved": None if np.isnan(others) else others,
    }


def _ap50(measured: Sequence[Record], classes: Sequence[str]) -> Weighted:
    truths = [Truth.from_json(one["truth"]) for one in measured]
    return weighted_ap50(truths, [Found.from_json(one["found"]) for one in measured], len(classes))


def _boxes(counts: BoxCounts, chosen: slice, images: int) -> Record:
    """Boxes per image."""
    return {
        name: float(getattr(counts, name)[chosen].sum()) / images
        for name in ("kept", "mislabelled", "vanished", "fabricated")
    }


def _video(
    measured: Sequence[Record], classes: Sequence[str], seed: int, victim: int | None, clean: bool = False
) -> Record:
    del classes, victim, clean
    return davis.score_davis(_clips(measured), seed)


def _j_and_f(measured: Sequence[Record], classes: Sequence[str]) -> Weighted:
    del classes
    return davis.weighted_j_and_f([davis.ClipScores.from_json(one) for one in measured])


def _youtube_vos(
    measured: Sequence[Record], classes: Sequence[str], seed: int, victim: int | None, clean: bool = False
) -> Record:
    del classes, victim, clean
    return youtube_vos.score_youtube_vos(_clips(measured), _seen(measured), seed)


def _g(measured: Sequence[Record], classes: Sequence[str]) -> Weighted:
    del classes
    return youtube_vos.weighted_g([davis.ClipScores.from_json(one) for one in measured], _seen(measured))


def _clips(measured: Sequence[Record]) -> dict[str, davis.ClipScores]:
    return {one["id"]: davis.ClipScores.from_json(one) for one in measured}


def _seen(measured: Sequence[Record]) -> set[str]:
    return {name for one in measured for name in one.get("seen", ())}


YOUTUBE_VOS = "youtube-vos"
"""The name of the measure."""

_ATTACKED_CLIPS = {
    "success_rate": f"Success: share of clips that keep, at 8 bits, at most {LOST:.0%} of their clean J; those without "
    "any are not judged.",
    "attacked": "Only the first frame of a clip is changed; the later ones are as they were.",
    "permuted": "Same change, shuffled (PERM in Xie et al. 2017): the change of the first frame with its pixels in "
    "random order, each where it fits.",
    "noise": "Random noise: uniform, on the first frame, of the same eps where the attack is bounded in Linf, else of "
    "the same L2.",
}

SCORING: dict[str, Scoring] = {
    "segmentation": Scoring(
        _segmentation,
        "mIoU",
        _miou,
        CONVENTIONS
        | {
            "success_rate": "Success: share of images on which, at 8 bits, at most "
            f"{FOOLED:.0%} of the pixels that the clean model had right still are; an attack that stops by itself at a "
            f"share of the labelled pixels is judged by that share, up to {FOOLED:.0%} of them; images on which the "
            "clean model had no more right are not judged."
        },
        ("mIoU", "pixel_accuracy"),
    ),
    "detection": Scoring(
        _detection,
        "AP50",
        _ap50,
        DETECTION_CONVENTIONS
        | {
            "success_rate": "Success: share of the images on which the clean model finds an object where, at 8 bits, "
            f"every object that it finds met the goal, among detections with a score of at least {READABLE}; for "
            "fabricate, with an invented box.",
            "readable": f"Boxes are counted and drawn from a score of {READABLE} on.",
        },
        ("AP", "AP50", "AP75", "mAP_voc07", "mAP_voc"),
    ),
    "video": Scoring(
        _video,
        "J&F",
        _j_and_f,
        VIDEO_CONVENTIONS | _ATTACKED_CLIPS,
        ("J&F", "J", "F", "J_recall", "F_recall", "J_decay", "F_decay"),
    ),
    YOUTUBE_VOS: Scoring(
        _youtube_vos,
        "G",
        _g,
        YOUTUBE_VOS_CONVENTIONS | _ATTACKED_CLIPS,
        ("G", "J_seen", "F_seen", "J_unseen", "F_unseen"),
    ),
}
"""By the name of the task; clips of YouTube-VOS have a measure of their own."""


def keys_of(task: str, victim: str | None = None) -> tuple[str, ...]:
    """The scores that a condition of a task may have as single numbers; clips have those of one of two measures."""
    keys = SCORING[task].keys + (SCORING[YOUTUBE_VOS].keys if task == "video" else ())
    return (*keys, "preserved") if victim is not None and task == "detection" else keys


def scoring_of(task: str, rows: Sequence[Record]) -> Scoring:
    """How a run's rows are scored: by YouTube-VOS where clips have seen and unseen categories, else by the task."""
    if task == "video":
        found = {one["category"] for row in rows for one in row.get("objects", ())} - {None}
        if found & (seen := _seen(rows)) and found - seen:
            return SCORING[YOUTUBE_VOS]
    return SCORING[task]


def number(value: NDArray[np.float64]) -> float | None:
    """A JSON number; NaN, where nothing was counted, becomes null."""
    return None if np.isnan(value) else float(value)


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [number(value) for value in values]
