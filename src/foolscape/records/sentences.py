"""What readers are told beside the figures of every kind of run, each sentence once.

How a score is counted stands in its `metrics.score.Score`, what a condition is in `records.conditions`, and what a task
knows of its own in its records.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, CLEAN, MEANINGS, NOISE, PERMUTED

EIGHT_BIT: Final = "Every figure is measured on 8-bit images, read back from the files."
CLAIMED: Final = "Claimed: how often the attack reached its own stopping rule, where it looked."
CONTROLS: Final = (
    "Controls: the L2 of the shuffled change and of the noise over that of the attack, mean over images. "
    "The former is as large by construction; noise within a bound is shorter than a change that goes to its ends."
)

OF_CLIPS: Final[Mapping[str, str]] = {
    CLEAN: "Clean (ORIG in Xie et al. 2017): the clips as they are.",
    ADVERSARIAL: "Attacked (ADVR): the first frame attacked, all later frames as they were.",
    PERMUTED: "Same change, shuffled (PERM in Xie et al. 2017): the change of the first frame with its pixels in "
    "random order, each where it fits.",
    NOISE: "Random noise: uniform, on the first frame, of the same eps where the attack is bounded in Linf, else "
    "of the same L2.",
}
"""Of conditions, where samples are clips."""

OF_EVERY_RUN: Final[Mapping[str, str]] = {
    "claimed_rate": CLAIMED,
    NOISE: MEANINGS[NOISE].sentence,
    "eight_bit": EIGHT_BIT,
    PERMUTED: MEANINGS[PERMUTED].sentence,
    "controls": CONTROLS,
}
"""By their key in summary.json."""
