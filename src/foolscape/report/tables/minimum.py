"""What a run says of the smallest changes that fool a model: tables, curves and a sentence."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from foolscape.report.tables.table import DASH, Cell, Json, Table, between, counted, number

SHOWN: Final = (1, 2, 4, 8, 16)
"""Levels of the table."""

_MORE: Final = "more"
"""What stands for a number that images never fooled would have had to tell."""


def minimum_tables(summary: Json) -> tuple[Table, ...]:
    """The smallest changes of every model, and its score at a few bounds; empty where the run did not look for them."""
    models = [model for model in summary["models"] if "minimum" in model]
    if not models:
        return ()
    said = summary.get("conventions", {})
    headers = (
        Cell("model"), Cell("median", ("levels",)), Cell("quartiles", ("levels",)), Cell("never fooled"),
        Cell("iterations", ("mean",)),
    )  # fmt: skip
    smallest = Table(
        name="smallest",
        title="Smallest change that fools an image",
        headers=headers,
        rows=tuple(_smallest(model) for model in models),
        notes=tuple(str(said[key]) for key in ("smallest", "median_levels", "success_rate") if key in said),
        named=True,
    )
    score = models[0]["minimum"]["curve"]["score"]
    bounds = Table(
        name="bounds",
        title=f"{score} by the bound",
        headers=(Cell("model"), Cell("clean"), *(Cell(f"{level}/255") for level in SHOWN)),
        rows=tuple(_at_bounds(model) for model in models),
        notes=(str(said["curve"]),) if "curve" in said else (),
        named=True,
    )
    return smallest, bounds


def minimum_sentence(model: Json) -> str:
    """For example: Half of the images are fooled by changes of at most 5 grey levels, 1 of 4 by none up to 64/255."""
    found = model.get("minimum")
    if found is None or not found["judged"]:
        return ""
    median, judged, never = found["median_levels"], found["judged"], found["unreached"]
    up_to = "" if found["largest"] is None else f" up to {found['largest']}"
    lost = f", {never} of {judged} by none{up_to}" if never else ""
    if median is None:
        return f"Less than half of the images are fooled by any change{lost}."
    return f"Half of the images are fooled by changes of at most {counted(median, 'grey level')}{lost}."


def _smallest(model: Json) -> tuple[Cell, ...]:
    found = model["minimum"]
    quartiles = f"{_levels(found['quartiles'][0])}{DASH}{_levels(found['quartiles'][1])}"
    return (
        Cell(str(model["model"])),
        Cell(_levels(found["median_levels"]), _around_median(found)),
        Cell(quartiles),
        Cell(f"{found['unreached']} of {found['judged']}"),
        Cell(number(model.get("iterations", {}).get("mean"), 0)),
    )


def _around_median(found: Json) -> tuple[str, ...]:
    median, ends = found["median_levels"], found["ci95"]
    if ends is None:
        return ("no interval",) if found["judged"] else ()
    low, high = ends
    return () if median is None and low is None else (f"{_levels(low)}{DASH}{_levels(high)}",)


def _levels(value: int | None) -> str:
    return _MORE if value is None else str(value)


def _at_bounds(model: Json) -> tuple[Cell, ...]:
    curve = model["minimum"]["curve"]
    cells = [Cell(str(model["model"]))]
    for level in (0, *SHOWN):
        at = bisect_right(curve["levels"], level) - 1
        cells.append(Cell(number(curve["values"][at], 1), between(curve["ci95"][at], curve["values"][at])))
    return tuple(cells)
