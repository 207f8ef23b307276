"""What a clip scores, the mean over its objects and frame by frame, as its pictures say it."""

from __future__ import annotations

import numpy as np

from foolscape.metrics.video import ObjectScores
from foolscape.records.row import AnyRow


def clip_score(row: AnyRow) -> float:
    """J&F of a row in percent, the mean over its objects; NaN without any."""
    objects = row.measured.objects
    return float(np.mean([object_score(one) for one in objects])) if objects else float("nan")


def object_score(one: ObjectScores) -> float:
    """J&F of an object in percent, the mean over its frames."""
    return 50 * (float(np.mean(one.J)) + float(np.mean(one.F)))


def frame_scores(row: AnyRow, judged: tuple[int, ...] | None) -> dict[int, float]:
    """J&F in percent by frame, the mean over the objects that are measured there.

    Args:
        row: of a clip under one condition.
        judged: the frame that each value stands for; None: they count every frame.
    """
    values_of: dict[int, list[float]] = {}
    for one in row.measured.objects:
        for place, (j, f) in enumerate(zip(one.J, one.F, strict=True), start=one.start):
            if judged is None or place < len(judged):
                values_of.setdefault(place if judged is None else judged[place], []).append(50 * (j + f))
    return {frame: float(np.mean(values)) for frame, values in sorted(values_of.items())}
