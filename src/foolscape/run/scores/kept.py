"""What of the reference is still right, from what a row holds: one number per image, the same for every condition.

Attacks, controls and probes are compared by it, paired by image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from foolscape.metrics.box_counts import READABLE, fates_of
from foolscape.metrics.boxes import Found, Truth
from foolscape.metrics.video import ClipScores
from foolscape.run.directory.store import Record


def right_share(task: str, row: Record, victim: int | None = None) -> float | None:
    """The share in [0, 1] of the reference that is right in a row; None where the reference holds nothing to be right.

    Args:
        task: by its name. Segmentation: of the labelled pixels those of the right class. Detection: of the objects
            that count those found as what they are, at a score of `READABLE`. Video: the mean J of the clip's objects,
            each over the frames that count.
        row: of any condition, or what a row holds under `in_float` and `candidates`.
        victim: the one class of objects to look at; of no meaning for the other tasks.
    """
    return _RIGHT[task](row, victim)


def _pixels(row: Record, victim: int | None) -> float | None:
    del victim
    right, labelled = (sum(row["counts"][name].values()) for name in ("hit", "truth"))
    return right / labelled if labelled else None


def _objects(row: Record, victim: int | None) -> float | None:
    truth = Truth.from_json(row["truth"])
    fates = fates_of(truth, Found.from_json(row["found"]), READABLE)
    chosen = fates.counted if victim is None else fates.counted & (truth.labels == victim)
    return float(fates.kept[chosen].mean()) if chosen.any() else None


def _clip(row: Record, victim: int | None) -> float | None:
    del victim
    objects = ClipScores.from_json(row).objects
    return float(np.mean([np.mean(one.J) for one in objects])) if objects else None


_RIGHT: Final[Mapping[str, Callable[[Record, int | None], float | None]]] = {
    "segmentation": _pixels,
    "detection": _objects,
    "video": _clip,
}
