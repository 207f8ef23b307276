"""How universal perturbations are learnt where nothing else is said: as we do, as the paper or its notebook does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, kw_only=True)
class LearningPreset:
    """See `UniversalLoss`, `ConfidenceCappedLoss` and `LearnConfig`.

    Attributes:
        step: a share of eps unless it `steps_in_levels`, in [0, 1].
        parts: how many tiles lie side by side in an image; see `UniversalConfig.tile_for`.
    """

    omega: float
    tau: float
    bend: float
    balance: float | None
    step: float
    steps_in_levels: bool
    epochs: int
    batch: int | None
    momentum: float
    adaptive: bool
    shifts: bool
    mirror: bool
    parts: int


_PAPER = LearningPreset(
    omega=0.9999, tau=0.75, bend=0.0, balance=None, step=1 / 255, steps_in_levels=True, epochs=60, batch=None,
    momentum=0.0, adaptive=False, shifts=False, mirror=False, parts=1,
)  # fmt: skip


PRESETS: Final[dict[str, LearningPreset]] = {
    "paper": _PAPER,
    "notebook": replace(_PAPER, omega=0.9, epochs=100),
    "ours": LearningPreset(
        omega=0.6, tau=1.0, bend=0.5, balance=0.5, step=0.1, steps_in_levels=False, epochs=20, batch=4,
        momentum=0.9, adaptive=True, shifts=False, mirror=True, parts=8,
    ),
}  # fmt: skip
