"""The scores of a slice, clean and attacked, and what was lost between the two, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.intervals import LEAST, around_unbounded
from foolscape.metrics.paired import Difference
from foolscape.metrics.score import Score, number, numbers
from foolscape.metrics.sums import Summed

CLEAN: Final = "clean"
ATTACKED: Final = "adversarial"


@dataclass(frozen=True)
class Scored:
    """Scores as summary.json holds them, by condition, and the loss of each score by its key."""

    scores: dict[str, dict[str, Any]]
    loss: dict[str, Difference]


def scored(
    scores: Sequence[Score[Any]], sums: Mapping[str, Summed[Any]], shown: int, least_clean: int = LEAST
) -> Scored:
    """Scores with their intervals, and clean less attacked, paired by image.

    Args:
        scores: of a measure.
        sums: by condition; `CLEAN`, and `ATTACKED` where there is an attack, of the same images in the same groups.
        shown: how many of the images show anything of the slice; intervals rest on these.
        least_clean: images from which on clean scores have an interval.
    """
    points: dict[str, dict[str, Any]] = {}
    without: dict[str, dict[str, Floats]] = {}
    found: dict[str, dict[str, Any]] = {}
    for condition, summed in sums.items():
        once, parts = summed.once(), summed.without()
        points[condition] = {score.key: score.of(once)[0] for score in scores}
        without[condition] = {score.key: score.of(parts) for score in scores}
        least = least_clean if condition == CLEAN else LEAST
        ends = {
            score.key: numbers(
                np.stack(score.interval(points[condition][score.key], without[condition][score.key], shown, least))
            )
            for score in scores
        }
        found[condition] = {key: number(value) for key, value in points[condition].items()} | {"ci95": ends}
    if ATTACKED not in sums:
        return Scored(found, {})
    loss = {}
    for score in scores:
        value = points[CLEAN][score.key] - points[ATTACKED][score.key]
        between = without[CLEAN][score.key] - without[ATTACKED][score.key]
        low, high = around_unbounded(value, between, shown)
        loss[score.key] = Difference(number(value), number(low), number(high))
    return Scored(found, loss)
