"""The curves of a run that looked for smallest changes: score, and share of the images fooled, against the bound."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from foolscape.records.summary import Interval, RunSummary, SmallestCurve
from foolscape.report.pictures.plots import Band, Curve, Plot, plot
from foolscape.report.tables.minimum import SHOWN, smallest_of


def minimum_plots(summary: RunSummary) -> tuple[Plot, ...]:
    """Score, and share of the images fooled, against the bound; empty as for the tables."""
    models = smallest_of(summary)
    if not models:
        return ()
    score = models[0][1].curve.score
    scores = [_steps(model.model, changes.curve, changes.curve.values, changes.curve.ci95) for model, changes in models]
    fooled = [_steps(model.model, changes.curve, changes.curve.fooled) for model, changes in models]
    x = "bound in levels of 255"
    plots = (
        (
            f"{score} with the best image found within a bound; shaded: its interval, where there is one",
            scores,
            f"{score} %",
        ),
        ("Images fooled within a bound", fooled, "percent"),
    )
    return tuple(plot(caption, lines, x, y, percent=True) for caption, lines, y in plots if any(_has_values(lines)))


def _steps(
    name: str, curve: SmallestCurve, values: Sequence[float | None], intervals: Sequence[Interval] | None = None
) -> Curve:
    """A value that stays what it is until the next level at which there is another."""
    levels = curve.levels
    last = max(levels[-1] + 1, SHOWN[-1])
    ranges = enumerate(pairwise([*levels, last + 1]))
    held = [n for n, (level, following) in ranges for _ in range(level, following)]
    xs = list(range(levels[0], last + 1))
    band = None
    if intervals is not None:
        ends = [intervals[n] or (None, None) for n in held]
        band = Band([low for low, _ in ends], [high for _, high in ends])
    return Curve(name, xs, [values[n] for n in held], band=band, stepped=True)


def _has_values(lines: Sequence[Curve]) -> list[bool]:
    return [any(y is not None for y in line.ys) for line in lines]
