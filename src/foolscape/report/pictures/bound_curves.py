"""The curves of a run of several bounds: a score against the bound."""

from __future__ import annotations

from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, label_of
from foolscape.records.summary import ModelSummary, RunSummary
from foolscape.report.pictures.plots import Band, Curve, Plot, plot
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import known


def bound_plots(summary: RunSummary) -> tuple[Plot, ...]:
    """The headline score of every model against the bound, attacked and under the controls; empty with one bound."""
    score = words(summary).headline
    plots = []
    for model in summary.models:
        if lines := bound_curves(model, score.key):
            caption = f"{score.label} within each bound, {model.model}; shaded: its interval, where there is one"
            y = f"{score.label} {score.unit}".rstrip()
            plots.append(plot(caption, lines, "bound in levels of 255", y, percent=score.unit == "%"))
    return tuple(plots)


def bound_curves(model: ModelSummary, score: str) -> list[Curve]:
    """A score of one model from no change to its largest bound: attacked, and under each control; none with one bound.

    Args:
        model: one of the `models` of a summary.
        score: its key.
    """
    bounds = tuple(model.bounds)
    if not bounds:
        return []
    xs = [0.0, *(float(bound.partition("/")[0]) for bound in bounds)]
    curves = []
    for condition in (name for name in CONDITIONS if name != CLEAN):
        at = [model.conditions.get(name, {}) for name in (CLEAN, *(condition.at(bound) for bound in bounds))]
        ends = [one.get("ci95", {}).get(score) or (None, None) for one in at]
        band = Band([known(low) for low, _ in ends], [known(high) for _, high in ends])
        ys = [known(one.get(score)) for one in at]
        if any(y is not None for y in ys):
            curves.append(Curve(label_of(condition), xs, ys, dashed=condition != ADVERSARIAL, band=band))
    return curves
