"""The families of promptable trackers in transformers; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foolscape.models.common.huggingface import MEAN, STD

_HALF: Final = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Family:
    """What of transformers belongs to networks of one `model_type`.

    Attributes:
        network: the class of the network.
        session: that of what it remembers of a clip.
        mean, std: of the normalisation, where no processor comes with the network: the default of its processor.
        rounded: whether its memory is rounded to bfloat16.
    """

    network: str
    session: str
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    rounded: bool = True


_SAM3: Final = Family("Sam3TrackerVideoModel", "Sam3TrackerVideoInferenceSession", _HALF, _HALF)

FAMILIES: Final = {
    "sam2_video": Family("Sam2VideoModel", "Sam2VideoInferenceSession"),
    "sam3_tracker_video": _SAM3,
    # SAM 3 as published: a detector told by words, and the tracker, which is what is taken.
    "sam3_video": _SAM3,
    "edgetam_video": Family("EdgeTamVideoModel", "EdgeTamVideoInferenceSession", rounded=False),
}
"""By the `model_type` of the configuration. SAM 2.1 is a `sam2_video` with other settings."""
