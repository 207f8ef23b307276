"""The tables of `foolscape check --data`: what was understood of a data set."""

from __future__ import annotations

from typing import Final

from foolscape.records.overview import ClassCount, Overview
from foolscape.report.tables.table import DASH, TIMES, Cell, Table, number

_MOST_CLASSES: Final = 40
_MOST_REMARKS: Final = 8
_MOST_FAILURES: Final = 5
_SIZES: Final = 4

ODD_LABELS: Final = 1.6
"""A median `edge_ratio` below which labels may not belong to their images: those of other images give 1.4."""


def overview_tables(overview: Overview) -> tuple[Table, ...]:
    """What was read, how often each class was met, what is odd."""
    every = (_facts(overview), _classes(overview), _oddities(overview), _remarks(overview), _failures(overview))
    return tuple(table for table in every if table.rows)


def overview_title(overview: Overview) -> str:
    """What it is, in a few words: `40 images with labels of 11 classes`."""
    what = f"{overview.total} {_unit(overview)}"
    if overview.classes is None:
        return f"{what} without labels"
    return what if overview.things == "objects" else f"{what} with labels of {len(overview.classes)} classes"


def _unit(overview: Overview) -> str:
    return "clips" if overview.things == "objects" else "images"


def _facts(overview: Overview) -> Table:
    unit = _unit(overview)
    read = f"{overview.looked_at} of {overview.total}"
    facts = [
        (unit, f"{overview.total}" if overview.looked_at == overview.total else f"{overview.total}, {read} looked at"),
        ("cannot be used", str(len(overview.failures))),
        ("sizes", _sizes(overview)),
        ("classes", f"{DASH}, no truth" if overview.classes is None else str(len(overview.classes))),
    ]
    if overview.counts:
        met = sum(one.things > 0 for one in overview.counts)
        facts.append(("of them seen", f"{met}"))
        facts.append((f"{unit} that show none", str(overview.bare)))
    if overview.void is not None and overview.things != "objects":
        what = "void pixels" if overview.things == "pixels" else "ignore regions"
        facts.append((what, f"{number(overview.void, 2)} %"))
    if overview.edge_ratio is not None:
        facts.append(("change at label borders", f"{overview.edge_ratio:.1f} {TIMES} that elsewhere"))
    rows = tuple((Cell(name), Cell(value)) for name, value in facts)
    split = f", split {overview.split}" if overview.split else ""
    title = f"{overview.spec}{split}, for {overview.task}"
    return Table("facts", title, (Cell("what"), Cell("seen")), rows, texts=2, remarks=_warnings(overview))


def _warnings(overview: Overview) -> tuple[str, ...]:
    """What would make every figure on this data wrong."""
    warnings = list(overview.notes)
    if overview.edge_ratio is not None and overview.edge_ratio < ODD_LABELS:
        warnings.append(
            f"images change hardly more at the borders of their labels than elsewhere ({overview.edge_ratio:.1f} "
            f"{TIMES}), as with the labels of other images: look at the sheet"
        )
    if overview.counts and not any(one.things for one in overview.counts):
        warnings.append("no class was seen at all: is the right label folder named?")
    return tuple(warnings)


def _sizes(overview: Overview) -> str:
    shown = [f"{size} ({count})" for size, count in overview.sizes[:_SIZES]]
    more = f" and {len(overview.sizes) - _SIZES} more" if len(overview.sizes) > _SIZES else ""
    return ", ".join(shown) + more if shown else DASH


def _classes(overview: Overview) -> Table:
    by_share = sorted(overview.counts, key=lambda one: -one.things)
    shown, unit = by_share[:_MOST_CLASSES], _unit(overview)
    headers = (Cell("class"), Cell(unit), Cell(overview.things), Cell("share", ("%",)))
    remarks = _never(by_share)
    if hidden := [one for one in by_share[_MOST_CLASSES:] if one.things]:
        remarks = (f"and {len(hidden)} more classes that were seen", *remarks)
    rows = tuple(
        (Cell(one.name), Cell(str(one.images)), Cell(f"{one.things:,}"), Cell(number(one.share, 2)))
        for one in shown
        if one.things
    )
    return Table("classes", "Classes, the most frequent first", headers, rows, remarks=remarks)


def _never(counts: list[ClassCount]) -> tuple[str, ...]:
    absent = [one.name for one in counts if not one.things]
    if not absent:
        return ()
    listed = ", ".join(absent[:8]) + (f" and {len(absent) - 8} more" if len(absent) > 8 else "")
    return (f"never seen: {listed}",)


def _oddities(overview: Overview) -> Table:
    rows = tuple((Cell(one.id), Cell(one.what)) for one in overview.oddities)
    return Table("oddities", "The oddest, to look at", (Cell("id"), Cell("what is odd")), rows, texts=2)


def _remarks(overview: Overview) -> Table:
    rows = tuple((Cell(note), Cell(str(count))) for note, count in overview.remarks[:_MOST_REMARKS])
    hidden = len(overview.remarks) - _MOST_REMARKS
    remarks = (f"and {hidden} more kinds",) if hidden > 0 else ()
    return Table("remarks", "What had to be done to read them", (Cell("what"), Cell("times")), rows, remarks=remarks)


def _failures(overview: Overview) -> Table:
    rows = tuple((Cell(name), Cell(reason)) for name, reason in overview.failures[:_MOST_FAILURES])
    hidden = len(overview.failures) - _MOST_FAILURES
    remarks = (f"and {hidden} more",) if hidden > 0 else ()
    return Table("failures", "Cannot be used", (Cell("id"), Cell("why")), rows, texts=2, remarks=remarks)
