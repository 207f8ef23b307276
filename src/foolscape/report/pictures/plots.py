"""Curves as pictures, the same bytes for the same numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, Literal

from foolscape.extras import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
class Band:
    """What is shaded about a curve: from `low` to `high` at each of its points, nothing where either is None."""

    low: Sequence[float | None]
    high: Sequence[float | None]


@dataclass(frozen=True)
class Curve:
    """A line of a plot; points whose y is None are left out.

    Attributes:
        name: for the legend.
        xs, ys: its points.
        labels: what is written beside each point; empty: nothing.
        dashed: whether it is a control.
        colour: of the line; None: one of ours by its place among the curves.
        band: about it.
        stepped: whether a value holds until the next point.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float | None]
    labels: Sequence[str] = ()
    dashed: bool = False
    colour: str | None = None
    band: Band | None = None
    stepped: bool = False


@dataclass(frozen=True)
class Plot:
    """A picture of curves.

    Attributes:
        caption: a few words.
        data: the address of itself for an `img`.
        sides: x at the left and at the right side of the picture.
    """

    caption: str
    data: str
    sides: tuple[float, float]

    def across(self, x: float) -> float:
        """Where `x` lies, in percent of the picture's width from the left."""
        left, right = self.sides
        return 100 * (x - left) / (right - left)


def plot(
    caption: str,
    curves: Sequence[Curve],
    x: str,
    y: str,
    *,
    percent: bool,
    size: tuple[float, float] = (5.2, 3.0),
    ends: tuple[float, float] | None = None,
) -> Plot:
    """Draw `curves` over the axes called `x` and `y`.

    Args:
        caption: a few words.
        curves: with at least one known point each.
        x, y: the names of the axes.
        percent: whether y runs from 0 to 100.
        size: in inches.
        ends: the first and the last x; None: those of the curves, with a margin.
    """
    with extra("report"):  # here: most pages have no curves, and it takes long to load
        import matplotlib as mpl
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        axes = figure.subplots()
        draw(axes, curves)
        if all(isinstance(value, int) for curve in curves for value in curve.xs):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # there is no epoch 2.5
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if percent:
            axes.set_ylim(-3, 103)
        if ends is not None:
            axes.set_xlim(*ends)
        axes.grid(color=_LINE, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=8)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    data = f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
    return Plot(caption, data, _sides(axes))


def draw(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves into `axes`."""
    for curve, colour in zip(curves, cycle(_COLOURS), strict=False):
        _draw(axes, curve, colour)


def _draw(axes: Axes, curve: Curve, colour: str) -> None:
    points = [(a, b) for a, b in zip(curve.xs, curve.ys, strict=True) if b is not None]
    axes.plot(
        *zip(*points, strict=True), color=curve.colour or colour, label=curve.name, linewidth=1.6,
        marker="o" if len(points) < 13 else "", markersize=3.5, linestyle="--" if curve.dashed else "-",
        drawstyle="steps-post" if curve.stepped else "default",
    )  # fmt: skip
    if curve.band is not None:
        _shade(axes, curve, curve.band, colour)
    for (a, b), text in zip(points, curve.labels, strict=False):
        axes.annotate(text, (a, b), textcoords="offset points", xytext=(5, 5), fontsize=8)


def _shade(axes: Axes, curve: Curve, band: Band, colour: str) -> None:
    known = [
        (x, low, high)
        for x, low, high in zip(curve.xs, band.low, band.high, strict=True)
        if low is not None and high is not None
    ]
    if known:
        xs, lows, highs = zip(*known, strict=True)
        step: Literal["post"] | None = "post" if curve.stepped else None
        axes.fill_between(xs, lows, highs, color=curve.colour or colour, alpha=0.15, linewidth=0, step=step)


def _sides(axes: Axes) -> tuple[float, float]:
    """x at the sides of a figure that is drawn: beyond the axes, where names and numbers stand."""
    (first, last), place = axes.get_xlim(), axes.get_position()
    unit = (last - first) / place.width
    return first - unit * place.x0, last + unit * (1 - place.x1)
