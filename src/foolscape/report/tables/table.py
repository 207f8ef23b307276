"""What tables are made of, before they have a format: cells, numbers as text, the names of the conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from foolscape.records.conditions import CONDITIONS, Condition
from foolscape.records.summary import ModelSummary

DASH: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Cell:
    """What stands in one cell.

    Attributes:
        value: the text.
        detail: remarks that are set smaller below or beside it.
    """

    value: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table before it has a format.

    Attributes:
        name: one word, for anchors and labels.
        title: a short heading.
        headers: one cell per column, the unit as its detail.
        rows: as many cells each.
        notes: sentences for the caption: what was measured and by which convention; a terminal prints them on request.
        texts: how many leading columns are words; the others are numbers and are set to the right.
        named: whether the first column names a model, in the first row that is about it; names may be long, so a
            narrow page or terminal gives them a line of their own.
        remarks: sentences without which the figures would be misread, such as what a letter stands for; always there.
        faded: rows, by their place, that say little; a page greys them.
    """

    name: str
    title: str
    headers: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    texts: int = 1
    named: bool = False
    remarks: tuple[str, ...] = ()
    faded: frozenset[int] = frozenset()


def present(models: Sequence[ModelSummary]) -> list[Condition]:
    """The conditions that any of the models was measured under, in the order of the tables."""
    return [name for name in CONDITIONS if any(name in model.conditions for model in models)]


def images(n: int) -> str:
    """`n` with its noun."""
    return counted(n, "image")


def duration(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 or not seconds else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(n: int, noun: str) -> str:
    """`n` with `noun`, which takes an s."""
    return f"{n} {noun}{'s' * (n != 1)}"


def known(value: Any) -> float | None:
    """`value` as a float; None where a score is absent, null or not a number."""
    return None if value is None or not math.isfinite(value) else float(value)


def number(value: Any, digits: int, *, sign: bool = False) -> str:
    """`value` with so many decimals, a true minus and never "-0.0"; a dash where it is not known."""
    if known(value) is None:
        return DASH
    text = f"{float(value):+z.{digits}f}" if sign else f"{float(value):z.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def between(ends: Sequence[Any] | None, score: Any) -> tuple[str, ...]:
    """The interval [low, high] beside a score, or that it has none; nothing where none was looked for."""
    if ends is None or known(score) is None:
        return ()
    low, high = ends
    if known(low) is None or known(high) is None:
        return ("no interval",)
    return (f"{number(low, 1)}{DASH}{number(high, 1)}",)
