"""Names that settings are checked by before anything large is imported."""

from __future__ import annotations

from typing import Final

NONE: Final = "none"
"""The attack by which a run measures the clean model alone."""

DETECTORS_ALONE: Final = ("goal", "only_class", "resample_candidates")
"""Options of an attack on a detector alone."""

CLIPS_ALONE: Final = ("window", "sampling", "labels_from", "attack_pixels")
"""The same on a clip."""

TASK_OPTIONS: Final = ("goal", "only_class", *CLIPS_ALONE)
"""Options of what an attack does to a task, whatever its name."""
