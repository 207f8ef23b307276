"""The curves of a sweep: the score of every model against the bound."""

from __future__ import annotations

from typing import Final

from foolscape.printable import printable
from foolscape.records.sweep import SweepRecord
from foolscape.report.pictures.plots import Band, Curve, Plot, plot
from foolscape.report.tables.short import short_names
from foolscape.report.tables.sweep import SweepLine, lines_of, mean_and_ends

_COLOURS: Final = ("#c2410c", "#2f6f4f", "#3b6ea8", "#8a5a9e", "#b08900", "#6a665f", "#c0507a", "#4a9a9a")

_LONGEST: Final = 44
"""Letters of a name in a legend."""


def sweep_plots(sweep: SweepRecord) -> tuple[Plot, ...]:
    """A plot for each data set, attack and score: a curve for each model that was measured within several bounds."""
    names = short_names(cell.model for cell in sweep.cells)
    groups: dict[tuple[str, str, str], dict[str, list[SweepLine]]] = {}
    for line in lines_of(sweep):
        if line.rows and line.bound is not None:
            label = f"{line.rows[0].label} {line.rows[0].unit}".rstrip()
            groups.setdefault((line.data, line.attack, label), {}).setdefault(line.model, []).append(line)
    plots = []
    for (data, attack, label), by_model in groups.items():
        curves = [
            _curve(names[model], lines, _COLOURS[place % len(_COLOURS)], dashed=place >= len(_COLOURS))
            for place, (model, lines) in enumerate(by_model.items())
            if len(lines) > 1 and any(row.attacked is not None for line in lines for row in line.rows)
        ]
        if curves:
            alone = f"{names[next(iter(by_model))]}: " if len(by_model) == 1 else ""
            caption = f"{alone}{label.partition(' ')[0]} under {attack} within each bound, {data}"
            percent = label.endswith("%")
            plots.append(plot(caption, curves, "bound in levels of 255", label, percent=percent, size=(6.4, 3.6)))
    return tuple(plots)


def _curve(model: str, lines: list[SweepLine], colour: str, *, dashed: bool) -> Curve:
    """From the clean score on, with its interval, or the range over seeds."""
    points = [(0.0, mean_and_ends(lines[0].rows, lambda row: (row.clean, row.clean_ci95)))]
    for line in lines:
        attacked = mean_and_ends(line.rows, lambda row: (row.attacked, row.attacked_ci95))
        points.append((float(str(line.bound).partition("/")[0]), attacked))
    band = Band([low for _, (_, low, _) in points], [high for _, (*_, high) in points])
    xs, ys = [x for x, _ in points], [y for _, (y, *_) in points]
    return Curve(_legible(model), xs, ys, colour=colour, dashed=dashed, band=band)


def _legible(name: str) -> str:
    """A name as a legend shows it: the end of a long one, and none of it as a formula, or as nothing to be named."""
    short = printable(name if len(name) <= _LONGEST else f"..{name[-_LONGEST:]}").replace("$", r"\$")
    return f" {short}" if short.startswith("_") else short
