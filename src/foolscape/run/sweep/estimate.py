"""What the cells of a sweep will take: from a gradient that is tried, and from what finished cells have taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

import torch

from foolscape.pixels import to_unit
from foolscape.records.sweep import SweepCell, SweepTrial
from foolscape.run.foresight import gradient_seconds
from foolscape.run.foresight import units_of as model_units
from foolscape.run.setup import Setup

CHECKS: Final = 100
"""Gradients that take about as long as the checks of a model before it is measured: its gradient, its answers, its
wiring. On two scenes of 96x192 they took the bundled networks 110 to 150."""


def units_of(setup: Setup, probes: int | None) -> float:
    """Gradients that a cell takes at most, with those of its verdict; predictions count a third of one each.

    Args:
        setup: of the cell, with its attack.
        probes: as `RunConfig.probes`.
    """
    return sum(model_units(entry, len(setup.ids), probes) for entry in setup.entries)


def seconds_per_gradient(setup: Setup, device: torch.device) -> float | None:
    """What a gradient of the first image takes, the second time; None for clips, of which it says nothing."""
    (entry, *_) = setup.entries
    return None if entry.subject.task.clips else gradient_seconds(entry, to_unit(setup.first).to(device))


def estimates(trials: Sequence[SweepTrial], devices: int) -> dict[str, float]:
    """By cell the seconds that the trials say; without those of which a trial says nothing.

    The checks are made by one process alone, the rest is divided.
    """
    return {
        name: (units / devices + CHECKS) * trial.per_gradient
        for trial in trials
        if trial.per_gradient is not None
        for name, units in trial.units.items()
    }


def expected(cell: SweepCell, cells: Sequence[SweepCell], trials: Sequence[SweepTrial]) -> float | None:
    """What a cell will take, corrected by what finished ones have taken; None where nothing is known.

    With an estimate: its gradients, times what those of finished cells took as a multiple of theirs, and what these
    took for all else, the medians of both. Of the finished cells those count that are most alike: by attack, model and
    data, in this order. Without an estimate: what cells of the same model and data took per gradient.
    """
    done = [other for other in cells if other.took is not None]
    if cell.estimate is not None:
        alike = _most_alike(cell, [other for other in done if other.estimate])
        if not alike:
            return cell.estimate
        checks = {name: CHECKS * (trial.per_gradient or 0.0) for trial in trials for name in trial.units}
        # What no attack took the time of has none to be compared: the clean model alone.
        rates = [
            other.attacking / gradients
            for other in alike
            if other.attacking and (gradients := (other.estimate or 0.0) - checks.get(other.name, 0.0)) > 0
        ]
        rest = median(other.seconds - other.attacking for other in alike)
        return (cell.estimate - checks.get(cell.name, 0.0)) * (median(rates) if rates else 0.0) + rest
    units = units_by_cell(trials)
    measured = [other.seconds / units[other.name] for other in done if units.get(other.name) and _together(cell, other)]
    return units[cell.name] * median(measured) if measured and cell.name in units else None


def _most_alike(cell: SweepCell, others: Sequence[SweepCell]) -> list[SweepCell]:
    """Those of the others that have the most in common with a cell."""

    def alike(other: SweepCell) -> tuple[bool, ...]:
        return (other.attack == cell.attack, other.model == cell.model, other.data == cell.data)

    most = max(map(alike, others), default=())
    return [other for other in others if alike(other) == most]


def units_by_cell(trials: Sequence[SweepTrial]) -> Mapping[str, float]:
    """What the trials say that each cell takes at most."""
    return {name: units for trial in trials for name, units in trial.units.items()}


def time_left(cells: Sequence[SweepCell], trials: Sequence[SweepTrial]) -> tuple[float, int]:
    """Seconds that the cells which are to be measured will take, and of how many of them nothing is known."""
    pending = [cell for cell in cells if cell.state in ("waiting", "begun")]
    known = [(cell, expected(cell, cells, trials)) for cell in pending]
    left = [max(0.0, seconds - cell.seconds) for cell, seconds in known if seconds is not None]
    return sum(left), len(pending) - len(left)


def _together(cell: SweepCell, other: SweepCell) -> bool:
    return (cell.model, cell.data) == (other.model, other.data)
