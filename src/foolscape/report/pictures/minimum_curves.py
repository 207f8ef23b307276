"""The curves of a run that looked for smallest changes: score, and share of the images fooled, against the bound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from foolscape.report.pictures.plots import Band, Curve, Plot, plot
from foolscape.report.tables.minimum import SHOWN
from foolscape.report.tables.table import Json


def minimum_plots(summary: Json) -> tuple[Plot, ...]:
    """Score, and share of the images fooled, against the bound; empty as for the tables."""
    models = [model for model in summary["models"] if "minimum" in model]
    if not models:
        return ()
    score = models[0]["minimum"]["curve"]["score"]
    scores = [_steps(model, model["minimum"]["curve"]["values"], model["minimum"]["curve"]["ci95"]) for model in models]
    fooled = [_steps(model, model["minimum"]["curve"]["fooled"]) for model in models]
    x = "bound in levels of 255"
    found = (
        (
            f"{score} with the best image found within a bound; shaded: its interval, where there is one",
            scores,
            f"{score} %",
        ),
        ("Images fooled within a bound", fooled, "percent"),
    )
    return tuple(plot(caption, lines, x, y, percent=True) for caption, lines, y in found if any(_drawn(lines)))


def _steps(model: Json, values: Sequence[Any], ends: Sequence[Any] | None = None) -> Curve:
    """A value that stays what it is until the next level at which there is another."""
    levels = model["minimum"]["curve"]["levels"]
    last = max(levels[-1] + 1, SHOWN[-1])
    ranges = enumerate(pairwise([*levels, last + 1]))
    held = [n for n, (level, following) in ranges for _ in range(level, following)]
    xs = list(range(levels[0], last + 1))
    band = None if ends is None else Band([ends[n][0] for n in held], [ends[n][1] for n in held])
    return Curve(str(model["model"]), xs, [values[n] for n in held], band=band, stepped=True)


def _drawn(lines: Sequence[Curve]) -> list[bool]:
    return [any(y is not None for y in line.ys) for line in lines]
