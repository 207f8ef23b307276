"""What a run says of the smallest changes that fool a model: tables, curves and a sentence."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from foolscape.records.summary import ModelSummary, RunSummary, Smallest, SmallestCurve
from foolscape.report.tables.table import DASH, Cell, Table, between, counted, number

SHOWN: Final = (1, 2, 4, 8, 16)
"""Levels of the table."""

_MORE: Final = "more"
"""What stands for a number that images never fooled would have had to tell."""


def minimum_tables(summary: RunSummary) -> tuple[Table, ...]:
    """The smallest changes of every model, and its score at a few bounds; empty where the run did not look for them."""
    models = smallest_of(summary)
    if not models:
        return ()
    conventions = summary.conventions
    headers = (
        Cell("model"), Cell("median", ("levels",)), Cell("quartiles", ("levels",)), Cell("never fooled"),
        Cell("iterations", ("mean",)),
    )  # fmt: skip
    smallest = Table(
        name="smallest",
        title="Smallest change that fools an image",
        headers=headers,
        rows=tuple(_smallest(model, changes) for model, changes in models),
        notes=tuple(
            str(conventions[key]) for key in ("smallest", "median_levels", "success_rate") if key in conventions
        ),
        named=True,
    )
    score = models[0][1].curve.score
    bounds = Table(
        name="bounds",
        title=f"{score} by the bound",
        headers=(Cell("model"), Cell("clean"), *(Cell(f"{level}/255") for level in SHOWN)),
        rows=tuple(_at_bounds(model, changes.curve) for model, changes in models),
        notes=(str(conventions["curve"]),) if "curve" in conventions else (),
        named=True,
    )
    return smallest, bounds


def smallest_of(summary: RunSummary) -> list[tuple[ModelSummary, Smallest]]:
    """The models that the smallest changes were looked for of, with these."""
    return [(model, model.minimum) for model in summary.models if model.minimum is not None]


def minimum_sentence(model: ModelSummary) -> str:
    """For example: Half of the images are fooled by changes of at most 5 grey levels, 1 of 4 by none up to 64/255."""
    changes = model.minimum
    if changes is None or not changes.judged:
        return ""
    median, judged, never = changes.median_levels, changes.judged, changes.unreached
    up_to = "" if changes.largest is None else f" up to {changes.largest}"
    lost = f", {never} of {judged} by none{up_to}" if never else ""
    if median is None:
        return f"Less than half of the images are fooled by any change{lost}."
    return f"Half of the images are fooled by changes of at most {counted(median, 'grey level')}{lost}."


def _smallest(model: ModelSummary, changes: Smallest) -> tuple[Cell, ...]:
    low, high = changes.quartiles
    return (
        Cell(model.model),
        Cell(_levels(changes.median_levels), _around_median(changes)),
        Cell(f"{_levels(low)}{DASH}{_levels(high)}"),
        Cell(f"{changes.unreached} of {changes.judged}"),
        Cell(number(model.iterations.get("mean"), 0)),
    )


def _around_median(changes: Smallest) -> tuple[str, ...]:
    median, ends = changes.median_levels, changes.ci95
    if ends is None:
        return ("no interval",) if changes.judged else ()
    low, high = ends
    return () if median is None and low is None else (f"{_levels(low)}{DASH}{_levels(high)}",)


def _levels(value: int | None) -> str:
    return _MORE if value is None else str(value)


def _at_bounds(model: ModelSummary, curve: SmallestCurve) -> tuple[Cell, ...]:
    cells = [Cell(model.model)]
    for level in (0, *SHOWN):
        at = bisect_right(curve.levels, level) - 1
        cells.append(Cell(number(curve.values[at], 1), between(curve.ci95[at], curve.values[at])))
    return tuple(cells)
