"""`foolscape list`: the models, attacks and data sets that can be named."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from foolscape.cli.console import out_console

if TYPE_CHECKING:
    pass


class Listing(StrEnum):
    """What `foolscape list` lists."""

    MODELS = "models"
    ATTACKS = "attacks"
    DATA = "data"


def list_(kind: Annotated[Listing, typer.Argument(help="What to list.")]) -> None:
    """List the models, attacks or data sets that can be named."""
    if kind is Listing.MODELS:
        from foolscape.cli.list_models import print_models

        print_models()
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is"):
        table.add_column(column, no_wrap=column == "name")
    for name, about in _catalog(kind):
        table.add_row(Text(name), Text(about))
    out_console.print(table)


def _catalog(kind: Listing) -> list[tuple[str, str]]:
    if kind is Listing.ATTACKS:
        from foolscape.attacks.listed import listed_attacks
        from foolscape.attacks.names import NONE

        attacks = [(a.name, f"{a.summary} [{a.source}; variants: {', '.join(a.variants)}]") for a in listed_attacks()]
        return [*attacks, (NONE, "measure the clean model alone")]
    from foolscape.data.load import catalog

    listed = []
    for kind_of_data in catalog():
        splits = f" (splits: {', '.join(kind_of_data.splits)})" if kind_of_data.splits else ""
        listed.append((kind_of_data.form, f"{', '.join(kind_of_data.tasks)}; {kind_of_data.description}{splits}"))
    places = "in place of any DIR or FILE: one in a store, or in a zip or tar archive (docs/your-own-data.md)"
    listed.append(("s3://.., gs://.., hf://.., FILE.zip/..", places))
    listed.append(("path/to/file.py:name", "your own class with __len__ and __getitem__, or what makes one"))
    return listed
