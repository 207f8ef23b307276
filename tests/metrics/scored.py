"""The scores of a condition from what its rows hold, already read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.sample import Sample
from foolscape.metrics.tasks.detection import DETECTION
from foolscape.metrics.tasks.video import DAVIS, YOUTUBE_VOS
from foolscape.metrics.video import ClipScores


def score_detection(
    truths: Sequence[Truth], detections: Sequence[Detected], classes: Sequence[str], seed: int
) -> dict[str, Any]:
    samples = [Sample("", truth, found) for truth, found in zip(truths, detections, strict=True)]
    return DETECTION.score(samples, classes, seed)


def score_davis(clips: Mapping[str, ClipScores], seed: int) -> dict[str, Any]:
    return DAVIS.score([Sample(name, None, clip) for name, clip in clips.items()], (), seed)


def score_youtube_vos(clips: Mapping[str, ClipScores], seen: Collection[str], seed: int) -> dict[str, Any]:
    samples = [Sample(name, None, replace(clip, seen=tuple(seen))) for name, clip in clips.items()]
    return YOUTUBE_VOS.score(samples, (), seed)
