"""What an attack took from an image, where it has a score in percent."""

from __future__ import annotations

from foolscape.report.tables.table import number
from foolscape.report.task import Loss


def points_lost(before: float, after: float, of: str) -> Loss | None:
    """The loss of a score in percent, called `of`; None where there was none to lose."""
    if not before > 0:
        return None
    lost = max(before - after, 0.0)
    return Loss(f"lost {number(lost, 1)} of {number(before, 1)} points of {of}", lost / before)
