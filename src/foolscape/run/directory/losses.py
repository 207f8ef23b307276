"""What could not be used ends the command where nothing may be left out."""

from __future__ import annotations

from collections.abc import Iterable

from foolscape.records.row import Line, reasons_of
from foolscape.records.training import LeftOut
from foolscape.strict import lose


def lose_rows(rows: Iterable[Line]) -> None:
    """`lose` for the first of the `rows` of a sample that could not be used, or of which something was left out."""
    for row in rows:
        for reason in reasons_of(row):
            lose(f"{row.id}: {reason}")


def lose_failures(failures: Iterable[LeftOut]) -> None:
    """`lose` for the first of the images that training could not use, each with its id and reason."""
    for failure in failures:
        lose(f"{failure.id}: {failure.reason}")
