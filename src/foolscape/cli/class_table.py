"""How the classes of a model meet those of data: the table of `foolscape check`, and a class map to be edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from foolscape.cli.console import out_console, tell
from foolscape.errors import SettingError

if TYPE_CHECKING:
    from foolscape.models.common.class_match import ClassMatch


def print_match(match: ClassMatch) -> None:
    """Print for each class of the data the model's, and which of the model's the data do not have."""
    table = Table(box=None, pad_edge=False)
    for column in ("class of the data", "of the model", "how"):
        table.add_column(column)
    for row in match.rows:
        table.add_row(*map(Text, row))
    out_console.print(table)
    if match.idle:
        out_console.print(Text(f"of the model alone: {', '.join(match.idle)}"), soft_wrap=True)


def propose(settings: Mapping[str, object], path: Path) -> None:
    """Write a class map for the one model and the data of `settings`, those of a `RunConfig`, to the new file `path`.

    Raises:
        SettingError: there is something already, it cannot be written, or the data have no classes.
    """
    from foolscape.run.clean_check import match_of

    match = match_of(settings)
    print_match(match)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# names of the data: the model's; void counts nowhere; ? is not certain\n{match.proposal}\n")
    except OSError as error:
        raise SettingError(
            f"write_class_map: expected the name of a new file, got {path} ({error.strerror}); choose another"
        ) from error
    tell(f"class map: {path}; edit it and add --class-map {path}")
