"""Scores as pure functions on arrays: count per image, total, divide; `CONVENTIONS` says how, to print beside them."""

from __future__ import annotations

from typing import Final

from foolscape.metrics import detection as _detection
from foolscape.metrics import distortion as _distortion
from foolscape.metrics import intervals as _intervals
from foolscape.metrics import segmentation as _segmentation
from foolscape.metrics import video as _video
from foolscape.metrics import youtube_vos as _youtube_vos

CONVENTIONS: Final[dict[str, str]] = {
    **_segmentation.CONVENTIONS,
    **_intervals.CONVENTIONS,
    **_distortion.CONVENTIONS,
}
"""One sentence per score of a segmentation's `summary.json`, under the score's key."""

DETECTION_CONVENTIONS: Final[dict[str, str]] = {
    **_distortion.CONVENTIONS,
    **_detection.CONVENTIONS,
}
"""The same for detection, where `per_class` means another thing."""

VIDEO_CONVENTIONS: Final[dict[str, str]] = {
    **_distortion.CONVENTIONS,
    **_video.CONVENTIONS,
}
"""The same for video by the protocol of DAVIS 2017."""

YOUTUBE_VOS_CONVENTIONS: Final[dict[str, str]] = {
    **_distortion.CONVENTIONS,
    **_youtube_vos.CONVENTIONS,
}
"""The same for video by the measure of YouTube-VOS."""
