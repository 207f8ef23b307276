"""How much of an image withstands an attack, as one number per row, by which attacks are compared image by image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from foolscape.metrics.box_counts import READABLE, count_boxes
from foolscape.metrics.looked_up import DetectionSample
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import scores_of
from foolscape.records.run import RunRecord

Standing = Callable[[Sample[Any, Any]], float | None]
"""From what was measured of an image to how much withstands: lower is a stronger attack;
None where there is nothing to fool."""

SHARE: Final = "% of the targets still right"
FREE: Final = "% of an image still free of invented boxes"


def standing(record: RunRecord, spec: str) -> Standing:
    """How the attack of the run `record` on the model `spec` is judged.

    That is the share of the reference that is still right, of `only_class` alone if there is one. An attack that
    fabricates boxes leaves the reference as it is: n invented boxes count as 1 / (1 + n).
    """
    classes = record.model(spec).classes
    only_class = record.attack.get("only_class")
    index = None if only_class is None else classes.index(only_class)
    if record.attack.get("goal") == "fabricate":
        return lambda sample: _free(sample, len(classes), index)
    right = scores_of(record.task).right
    return lambda sample: right(sample, index)


def unit(record: RunRecord) -> str:
    """What 100 times a standing is called."""
    return FREE if record.attack.get("goal") == "fabricate" else SHARE


def _free(sample: DetectionSample, classes: int, only_class: int | None) -> float:
    counts = count_boxes(sample.truth, sample.measured, classes, READABLE)
    invented = counts.fabricated if only_class is None else counts.fabricated[only_class]
    return 1 / (1 + float(np.sum(invented)))
