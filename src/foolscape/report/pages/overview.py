"""The page and the contact sheet of `foolscape check --data`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from foolscape.records.overview import Overview
from foolscape.report.files import write_text
from foolscape.report.pages.template import template
from foolscape.report.pictures.figures import Colours, data_url
from foolscape.report.pictures.sheet import drawn, sheet
from foolscape.report.tables.overview import overview_tables, overview_title

_MOST_NAMED: Final = 40


def write_overview(directory: Path, overview: Overview, colours: Colours, version: str) -> tuple[Path, Path | None]:
    """Write data.html and, where there is something to draw, data.png into `directory`, which is made; their paths.

    Args:
        directory: where to.
        overview: what was understood.
        colours: RGB of each class.
        version: of foolscape.

    Raises:
        OSError: they cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    odd = {one.id: one.what for one in overview.oddities}
    pictures = [drawn(tile, overview.classes or (), colours) for tile in overview.tiles]
    by_name = dict(zip(overview.classes or (), ((one[0], one[1], one[2]) for one in colours), strict=False))
    by_share = sorted(overview.counts, key=lambda one: -one.things)
    legend = [(one.name, by_name[one.name]) for one in by_share[:_MOST_NAMED] if one.things]
    labelled = any(tile.labels is not None for tile in overview.tiles)
    page = directory / "data.html"
    text = template("overview.html.j2").render(
        title=overview_title(overview),
        overview=overview,
        tables=overview_tables(overview),
        legend=[(name, "#" + "".join(f"{part:02x}" for part in colour)) for name, colour in legend],
        tiles=[
            (tile.id, odd.get(tile.id, ""), data_url(picture), picture.shape[1], picture.shape[0])
            for tile, picture in zip(overview.tiles, pictures, strict=True)
        ],
        version=version,
    )
    write_text(page, text)
    if not pictures:
        return page, None
    path = directory / "data.png"
    path.write_bytes(sheet(pictures, [tile.id for tile in overview.tiles], legend if labelled else ()))
    return page, path
