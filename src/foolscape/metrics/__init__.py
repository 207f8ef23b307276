"""Scores as pure functions on arrays: count per image, total, divide; `CONVENTIONS` says how, to print beside them."""

from __future__ import annotations

from typing import Final

from foolscape.metrics import bootstrap as _bootstrap
from foolscape.metrics import detection as _detection
from foolscape.metrics import distortion as _distortion
from foolscape.metrics import segmentation as _segmentation

CONVENTIONS: Final[dict[str, str]] = {
    **_segmentation.CONVENTIONS,
    **_bootstrap.CONVENTIONS,
    **_distortion.CONVENTIONS,
}
"""One sentence per score of a segmentation's `summary.json`, under the score's key."""

DETECTION_CONVENTIONS: Final[dict[str, str]] = {
    **_distortion.CONVENTIONS,
    **_detection.CONVENTIONS,
}
"""The same for detection, where `per_class` means another thing."""
