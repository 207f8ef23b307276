"""The scores of a condition from what its rows hold, already read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.tasks.detection import DETECTION, DetectedImages
from foolscape.metrics.tasks.video import DAVIS, YOUTUBE_VOS, Clips, GroupedClips
from foolscape.metrics.video import ClipScores


def score_detection(
    truths: Sequence[Truth], detections: Sequence[Detected], classes: Sequence[str], seed: int
) -> dict[str, Any]:
    return DETECTION.scored(DetectedImages(truths, detections, classes), seed)


def score_davis(clips: Mapping[str, ClipScores], seed: int) -> dict[str, Any]:
    return DAVIS.scored(Clips(tuple(clips), tuple(clips.values())), seed)


def score_youtube_vos(clips: Mapping[str, ClipScores], seen: Collection[str], seed: int) -> dict[str, Any]:
    return YOUTUBE_VOS.scored(GroupedClips(tuple(clips), tuple(clips.values()), frozenset(seen)), seed)
