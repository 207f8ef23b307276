"""Curves as pictures, the same bytes for the same numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_COLOURS: Final = ("#c2410c", "#2f6f4f", "#8fa3b8", "#6a665f")
_INK, _LINE = "#1c1b19", "#e3dfd8"
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "foolscape",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


@dataclass(frozen=True)
class Curve:
    """A line of a plot; points whose y is None are left out.

    Attributes:
        name: for the legend.
        xs, ys: its points.
        labels: what is written beside each point; empty: nothing.
        dashed: whether it is a control.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    labels: Sequence[str] = ()
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    """A picture of curves: its caption, and the address of itself for an `img`."""

    caption: str
    data: str


def plot(caption: str, curves: Sequence[Curve], x: str, y: str, *, percent: bool) -> Plot:
    """Draw `curves` over the axes called `x` and `y`; `percent`: y runs from 0 to 100."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for curve, colour in zip(curves, _COLOURS, strict=False):
            points = [(a, b) for a, b in zip(curve.xs, curve.ys, strict=True) if b is not None]
            axes.plot(
                *zip(*points, strict=True), color=colour, label=curve.name, marker="o" if len(points) < 13 else "",
                markersize=3.5, linewidth=1.6, linestyle="--" if curve.dashed else "-",
            )  # fmt: skip
            for (a, b), text in zip(points, curve.labels, strict=False):
                axes.annotate(text, (a, b), textcoords="offset points", xytext=(5, 5), fontsize=8)
        if all(isinstance(value, int) for curve in curves for value in curve.xs):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no epoch 2.5
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if percent:
            axes.set_ylim(-3, 103)
        axes.grid(color=_LINE, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Plot(caption, f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode('ascii')}")
