"""The table of an attack that tried several objectives on every image."""

from __future__ import annotations

from foolscape.report.tables.table import Cell, Json, Table, between, number


def several(summary: Json) -> tuple[Table, ...]:
    """What each objective reaches alone, and what the choice among them does; empty where there was but one."""
    rows = []
    for model in summary["models"]:
        if not (tried := model.get("several")):
            continue
        for position, (name, found) in enumerate(tried["objectives"].items()):
            first = Cell("") if position else Cell(str(model["model"]))
            rows.append((first, Cell(name), *_scores(found), Cell(str(found["fewest"])), Cell(str(found["greedy"]))))
        attacked, images = model["conditions"]["adversarial"], str(model["samples"])
        rows.append((Cell(""), Cell("fewest right pixels per image"), *_scores(attacked), Cell(images), Cell("")))
        rows.append((Cell(""), Cell("greedy choice"), *_scores(tried["greedy"]), Cell(""), Cell(images)))
    if not rows:
        return ()
    headers = ("model", "objective", "mIoU", "accuracy", "fewest right", "greedy choice")
    details = ((), (), ("%",), ("%",), ("images",), ("images",))
    return (
        Table(
            name="several",
            title="Worst of several objectives",
            headers=tuple(Cell(header, detail) for header, detail in zip(headers, details, strict=True)),
            rows=tuple(rows),
            notes=(
                "Attacked scores and the pictures are of the fewest right pixels per image.",
                "Greedy choice: one result per image, swapped until no swap lowers the pooled mIoU (Croce et al. "
                "2024); its interval is of the choice as it is.",
            ),
            texts=2,
            named=True,
        ),
    )


def _scores(found: Json) -> tuple[Cell, Cell]:
    beside = between(found.get("ci95", {}).get("mIoU"), found["mIoU"])
    return Cell(number(found["mIoU"], 2), beside), Cell(number(found["pixel_accuracy"], 2))
