"""The plot: what each attack leaves against the bound."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from comparison.own import LIBRARY, WORST_CASE
from comparison.strength import Score

_HUES = {
    LIBRARY: "#c2410c",
    "torchattacks": "#2f6f4f",
    "foolbox": "#7a5195",
    "captum": "#3c78b4",
    "ART": "#8a6d3b",
    "cospgd": "#0f8b8d",
    "adv-lib": "#8fa3b8",
}
_DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)), (0, (3, 1, 1, 1, 1, 1)))


def draw(scores: Sequence[Score], clean: float, title: str, path: Path) -> None:
    """A PNG of two plots side by side, in float and at 8 bits: a line per attack, a colour per library."""
    figure = Figure(figsize=(12, 6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _lines(left, [(s.attack, s.eps, s.miou_float) for s in scores], clean, "in float")
    _lines(right, [(s.attack, s.eps, s.miou) for s in scores], clean, "rounded to 8 bits inside the bound")
    left.set_ylabel("mIoU %")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right upper", fontsize=8, frameon=False)
    figure.suptitle(title)
    figure.savefig(path, dpi=110)


def _lines(axes: Axes, points: Sequence[tuple[str, float, float]], clean: float, title: str) -> None:
    axes.axhline(clean, color="#1c1b19", linewidth=0.8, label="clean")
    drawn: dict[str, int] = {}
    for name in dict.fromkeys(name for name, _, _ in points):
        library = name.split()[0]
        nth = drawn[library] = drawn.get(library, -1) + 1
        bounds = [eps for other, eps, _ in points if other == name]
        left = [miou for other, _, miou in points if other == name]
        ours = name == WORST_CASE
        axes.plot(
            bounds,
            left,
            label=name,
            color="#5b1a06" if ours else _HUES.get(library, "#1c1b19"),
            linestyle="-" if ours else _DASHES[nth % len(_DASHES)],
            linewidth=2.5 if ours else 1.3,
            marker=".",
        )
    ticks = sorted({eps for _, eps, _ in points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{eps:g}" for eps in ticks])
    axes.minorticks_off()
    axes.set_xlabel("eps, levels of 255")
    axes.set_title(title, fontsize=10)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e3dfd8")
