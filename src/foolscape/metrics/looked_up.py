"""What several scores ask of an image with boxes, which is looked up once and kept beside the sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foolscape.metrics.box_counts import READABLE, Fates, fates_of
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.near import Near, near
from foolscape.metrics.sample import Sample

DetectionSample = Sample[Truth, Detected]


def look_up(samples: Sequence[DetectionSample]) -> None:
    """Ask `near_in` of several predictions for one image at once, which takes less time."""
    first = samples[0].truth
    if not first.crowd.any():
        mine = [one for one in samples if one.truth is first]
        for one, found in zip(mine, near(first, [one.measured for one in mine]), strict=True):
            vars(one)["near"] = found


def near_in(sample: DetectionSample) -> Near | None:
    """Which detections lie on which objects; None where one is a crowd, which has another kind of overlap."""
    known: dict[str, Any] = vars(sample)
    if "near" not in known:
        crowded = sample.truth.crowd.any()
        known["near"] = None if crowded else near(sample.truth, [sample.measured])[0]
    found: Near | None = known["near"]
    return found


def fates_in(sample: DetectionSample) -> Fates:
    """What became of the objects."""
    known: dict[str, Any] = vars(sample)
    if "fates" not in known:
        known["fates"] = fates_of(sample.truth, sample.measured, READABLE, near_in(sample))
    found: Fates = known["fates"]
    return found
