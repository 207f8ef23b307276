"""How results look in a notebook, and as figures: everything that a name may hold is escaped."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from foolscape.extras import extra
from foolscape.metrics.score import Score
from foolscape.records.conditions import CONDITIONS, label_of
from foolscape.records.summary import Trust
from foolscape.report.files import Pixels
from foolscape.report.pages.template import template
from foolscape.report.pictures.figures import data_url, fitted
from foolscape.report.pictures.gallery import CaptionedPicture, Figure
from foolscape.report.pictures.plots import Curve, draw
from foolscape.report.tables.render import show
from foolscape.report.tables.table import Table
from foolscape.report.tables.trust import Headline, print_verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

SIDE: Final = 160
"""Pixels of the longer side of a thumbnail."""

_WIDTH: Final = 100


@dataclass(frozen=True)
class PictureLine:
    """A line of thumbnails below a heading."""

    heading: str
    pictures: Sequence[CaptionedPicture]


def notebook(
    title: str,
    lines: Sequence[str] = (),
    *,
    verdict: Headline | None = None,
    tables: Sequence[Table] = (),
    pictures: Sequence[PictureLine] = (),
) -> str:
    """A result as HTML that stands within another page."""
    figures = [(one.heading, [_figure(picture) for picture in one.pictures]) for one in pictures]
    return template("notebook.html.j2").render(
        title=title, lines=lines, verdict=verdict, tables=tables, pictures=figures
    )


def as_text(tables: Sequence[Table], trust: Trust | None) -> str:
    """Tables, and the verdict, as a terminal shows them."""
    out = io.StringIO()
    console = Console(file=out, width=_WIDTH, color_system=None)
    show(tables, console)
    print_verdict(trust, console)
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").split("\n"))


def grid_of(lines: Sequence[PictureLine]) -> Plot:
    """A figure with a line of pictures for each of `lines`."""
    with extra("report"):
        from matplotlib.figure import Figure as Plot

    columns = max(len(line.pictures) for line in lines)
    figure = Plot(figsize=(2.4 * columns, 2.2 * len(lines)), layout="constrained")
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, row in zip(lines, grid, strict=True):
        for picture, axes in zip(line.pictures, row, strict=False):
            if picture.pixels is not None:
                axes.imshow(picture.pixels, interpolation="nearest")
            axes.set_title(picture.caption, fontsize=8, parse_math=False)
    return figure


def bars_of(
    scores: Mapping[str, Mapping[str, Mapping[str, float | None]]],
    intervals: Mapping[str, Mapping[str, Mapping[str, tuple[float, float] | None]]],
    score: Score[Any],
) -> Plot:
    """A figure with a bar of `score` for each model and condition, and its interval; both by model, condition, key."""
    with extra("report"):
        from matplotlib.figure import Figure as Plot

    figure = Plot(figsize=(1.8 + 1.4 * len(scores), 3.3), layout="constrained")
    axes = figure.subplots()
    conditions = [name for name in CONDITIONS if any(name in own for own in scores.values())]
    for place, condition in enumerate(conditions):
        for index, (model, own) in enumerate(scores.items()):
            value = own.get(condition, {}).get(score.key)
            ends = intervals[model].get(condition, {}).get(score.key)
            if value is None:
                continue
            error = None if ends is None else [[max(value - ends[0], 0)], [max(ends[1] - value, 0)]]
            label = label_of(condition) if index == 0 else None
            across = index + 0.8 * (place + 0.5) / len(conditions) - 0.4
            axes.bar(across, value, 0.75 / len(conditions), yerr=error, capsize=2, color=f"C{place}", label=label)
    axes.set_xticks(range(len(scores)), list(scores), fontsize=8, parse_math=False)
    axes.set_ylabel(score.title)
    if axes.containers:
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def curves_of(panels: Mapping[str, Sequence[Curve]], x: str, y: str) -> Plot:
    """A figure with axes for each of `panels`, by their titles, and its curves in them."""
    with extra("report"):
        from matplotlib.figure import Figure as Plot

    figure = Plot(figsize=(4.4 * max(len(panels), 1), 3.0), layout="constrained")
    row = figure.subplots(1, max(len(panels), 1), squeeze=False, sharey=True)[0]
    for axes, (title, curves) in zip(row, panels.items(), strict=False):
        draw(axes, curves)
        axes.set_title(title, fontsize=8, parse_math=False)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if curves:
            axes.legend(frameon=False, fontsize=8)
    return figure


def thumbnail(slot: str, caption: str, pixels: Pixels, *, smooth: bool = True) -> CaptionedPicture:
    """A picture brought to the size of thumbnails."""
    return CaptionedPicture(slot, caption, fitted(pixels, smooth=smooth, side=SIDE))


def json_of(value: object) -> Any:
    """`value` as plain JSON types; a copy."""
    return json.loads(json.dumps(value, allow_nan=False))


def _figure(picture: CaptionedPicture) -> Figure:
    if picture.pixels is None:
        return Figure(picture.slot, picture.caption, None)
    height, width = picture.pixels.shape[:2]
    return Figure(picture.slot, picture.caption, data_url(picture.pixels), (width, height))
