"""The table that says whether a run's figures can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foolscape.report.cells import Cell, Json, Table

_VERDICTS: Final = {True: "yes", False: "NO", None: "not known"}


def trust(models: Sequence[Json]) -> tuple[Table, ...]:
    """What a run found for and against its own figures, by model; empty without an attack."""
    rows = []
    for model in models:
        for position, found in enumerate(model.get("trust", ())):
            first = Cell("") if position else Cell(str(model["model"]))
            rows.append((first, Cell(found["check"]), Cell(f"{_VERDICTS[found['ok']]}: {found['detail']}")))
    if not rows:
        return ()
    doubtful = sum(found["ok"] is False for model in models for found in model.get("trust", ()))
    note = (
        "Every NO is a reason to take the attack, and not the model, for what the figures show: an attack that was "
        "stronger would find less left."
    )
    return (
        Table(
            name="trust",
            title="Can this be trusted?",
            headers=(Cell("model"), Cell("the attack is"), Cell("what was seen")),
            rows=tuple(rows),
            notes=(note,) if doubtful else (),
            texts=3,
            named=True,
        ),
    )
