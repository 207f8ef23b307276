"""`foolscape list models`: every source of models, what it needs, a line to copy, and what can be named there."""

from __future__ import annotations

from itertools import groupby

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from foolscape.cli.console import out_console
from foolscape.models.sources import ListedSource, list_sources
from foolscape.models.sources.base import Listed


def print_models() -> None:
    """Print all sources."""
    for source in list_sources():
        out_console.print(Text.assemble((source.name, "bold"), f"  needs {source.needs}"))
        out_console.print(Text(f"  {source.example}", style="cyan"), soft_wrap=True)
        out_console.print(Padding(_table(source), (0, 0, 1, 2)))


def _table(source: ListedSource) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    for about, lines in groupby(source.lines, key=lambda line: line.about):
        table.add_row(Text.assemble((_names(list(lines)), "bold"), f"  {about}"))
    return table


def _names(lines: list[Listed]) -> str:
    """The names of lines that are about the same, their scheme once."""
    scheme, colon, _ = lines[0].name.partition(":")
    if len(lines) == 1 or not colon:
        return ", ".join(line.name for line in lines)
    return f"{scheme}:" + " | ".join(line.name.removeprefix(f"{scheme}:") for line in lines)
