"""The curves of a universal perturbation: learning, success against the bound, hidden against preserved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foolscape.records.conditions import ADVERSARIAL, NOISE
from foolscape.records.summary import UniversalSummary
from foolscape.records.types import Object
from foolscape.report.pictures.plots import Curve, Plot, plot


def curves(summary: UniversalSummary) -> tuple[Plot, ...]:
    """Every plot that the figures in `summary` allow."""
    return (*_learning(summary.training), *_against_eps(summary), *_trade_off(summary))


def _learning(training: Object) -> list[Plot]:
    epochs = list(range(1, len(training["losses"]) + 1))
    if len(epochs) < 2:
        return []
    shares = [
        Curve(name, epochs, training[key])
        for key, name in (("moved", "as wanted"), ("stayed", "preserved"))
        if any(value is not None for value in training[key])
    ]
    return [
        plot(
            "Loss on the training images", [Curve("loss", epochs, training["losses"])], "epoch", "loss", percent=False
        ),
        plot("Success on the training images while learning", shares, "epoch", "percent", percent=True),
    ]


def _against_eps(summary: UniversalSummary) -> list[Plot]:
    points = summary.curves.get("eps", [])
    if not points:
        return []
    levels = [float(str(point["eps"]).partition("/")[0]) for point in points]
    kinds = ("hidden", "preserved") if "hidden" in points[0][ADVERSARIAL] else ("success",)
    lines = [Curve(kind, levels, _values(points, ADVERSARIAL, kind)) for kind in kinds]
    noise = Curve(f"{kinds[0]} by noise", levels, _values(points, NOISE, kinds[0]), dashed=True)
    return [plot("A tile learnt at every bound", [*lines, noise], "eps in levels of 255", "percent", percent=True)]


def _trade_off(summary: UniversalSummary) -> list[Plot]:
    points = summary.curves.get("omega", [])
    if not points or "hidden" not in points[0][ADVERSARIAL]:
        return []
    scores = [(point[ADVERSARIAL], f"omega {point['omega']:g}") for point in points]
    known = [(one["hidden"], one["preserved"], name) for one, name in scores if one["hidden"] is not None]
    if not known:
        return []
    hidden, preserved, names = zip(*known, strict=True)
    line = Curve("", hidden, preserved, names)
    caption = "Hidden against preserved; --omega chooses the point"
    return [plot(caption, [line], "hidden, percent", "preserved, percent", percent=False)]


def _values(points: Sequence[Object], condition: str, key: str) -> list[Any]:
    return [point.get(condition, {}).get(key) for point in points]
