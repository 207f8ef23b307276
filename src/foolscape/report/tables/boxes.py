"""What became of the boxes of a detection run: kept, mislabelled, vanished, fabricated, per image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from foolscape.records.conditions import label_of
from foolscape.records.subjects import CLEAN_PREDICTION
from foolscape.records.summary import ModelSummary, RunSummary
from foolscape.report.tables.labels import conventions, goal_note
from foolscape.report.tables.table import DASH, Cell, Table, number, present

FATES: Final = ("kept", "mislabelled", "vanished", "fabricated")


def box_tables(summary: RunSummary) -> tuple[Table, ...]:
    """The boxes of all classes and, where one class was attacked, its boxes alone; empty without boxes."""
    models, only_class = summary.models, summary.attack.get("only_class")
    if not any("boxes" in condition for model in models for condition in model.conditions.values()):
        return ()
    sentences = (
        *goal_note(summary),
        *_without_labels(summary),
        *conventions(summary, "readable", "boxes"),
        " ".join(conventions(summary, *FATES)),
    )
    whole = _table("boxes", "What became of the boxes", models, sentences)
    if only_class is None:
        return (whole,)
    alone = f"As above, objects of the attacked class {only_class} alone, and boxes that claim it."
    notes = (alone, *conventions(summary, "preserved"))
    return whole, _table("victim_boxes", f"What became of the class {only_class}", models, notes)


def objects(boxes: Mapping[str, float]) -> float:
    """Reference objects per image: every one is kept, mislabelled or vanished."""
    return float(boxes["kept"] + boxes["mislabelled"] + boxes["vanished"])


def _table(key: str, title: str, models: Sequence[ModelSummary], notes: tuple[str, ...]) -> Table:
    """The boxes under `key` of every condition in summary.json."""
    headers = (Cell("model"), Cell("per image"), *(Cell(label_of(name)) for name in present(models)))
    return Table(key, title, headers, _fates(models, key), notes, texts=2, named=True)


def _fates(models: Sequence[ModelSummary], key: str) -> tuple[tuple[Cell, ...], ...]:
    """A row for each fate of the boxes under `key`, and for the classes left alone where they were counted."""
    rows: list[tuple[Cell, ...]] = []
    for model in models:
        measured = [model.conditions.get(name, {}) for name in present(models)]
        for fate in FATES:
            name = Cell(model.model) if fate == FATES[0] else Cell("")
            rows.append((name, Cell(fate), *(_fate(condition.get(key), fate) for condition in measured)))
        if key != "boxes":
            preserved = (Cell(number(condition.get("preserved"), 1)) for condition in measured)
            rows.append((Cell(""), Cell("others kept %"), *preserved))
    return tuple(rows)


def _fate(boxes: Mapping[str, float] | None, fate: str) -> Cell:
    if boxes is None:
        return Cell(DASH)
    whole = (f"of {number(objects(boxes), 2)}",) if fate == FATES[0] else ()
    return Cell(number(boxes[fate], 2), whole)


def _without_labels(summary: RunSummary) -> tuple[str, ...]:
    if summary.reference != CLEAN_PREDICTION:
        return ()
    return ("No labels: the reference objects are the model's own clean detections that can be read.",)
