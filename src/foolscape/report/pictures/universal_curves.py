"""The curves of a universal perturbation: learning, success against the bound, hidden against preserved."""

from __future__ import annotations

from foolscape.records.universal_summary import PatternTraining, UniversalSummary
from foolscape.report.pictures.plots import Curve, Plot, plot


def curves(summary: UniversalSummary) -> tuple[Plot, ...]:
    """Every plot that the figures in `summary` allow."""
    return (*_learning(summary.training), *_against_eps(summary), *_trade_off(summary))


def _learning(training: PatternTraining) -> list[Plot]:
    epochs = list(range(1, len(training.losses) + 1))
    if len(epochs) < 2:
        return []
    shares = [
        Curve(name, epochs, values)
        for values, name in ((training.moved, "as wanted"), (training.stayed, "preserved"))
        if any(value is not None for value in values)
    ]
    return [
        plot("Loss on the training images", [Curve("loss", epochs, training.losses)], "epoch", "loss", percent=False),
        plot("Success on the training images while learning", shares, "epoch", "percent", percent=True),
    ]


def _against_eps(summary: UniversalSummary) -> list[Plot]:
    points = summary.curves.eps
    if not points:
        return []
    levels = [float(point.eps.partition("/")[0]) for point in points]
    kinds = ("hidden", "preserved") if "hidden" in points[0].adversarial else ("success",)
    lines = [Curve(kind, levels, [point.adversarial.get(kind) for point in points]) for kind in kinds]
    noise = Curve(f"{kinds[0]} by noise", levels, [point.noise.get(kinds[0]) for point in points], dashed=True)
    return [plot("A tile learnt at every bound", [*lines, noise], "eps in levels of 255", "percent", percent=True)]


def _trade_off(summary: UniversalSummary) -> list[Plot]:
    points = summary.curves.omega
    if not points or "hidden" not in points[0].adversarial:
        return []
    scores = [(point.adversarial, f"omega {point.omega:g}") for point in points]
    known = [(one["hidden"], one["preserved"], name) for one, name in scores if one["hidden"] is not None]
    if not known:
        return []
    hidden, preserved, names = zip(*known, strict=True)
    line = Curve("", hidden, preserved, names)
    caption = "Hidden against preserved; --omega chooses the point"
    return [plot(caption, [line], "hidden, percent", "preserved, percent", percent=False)]
