"""The table of an attack that tried several objectives on every image."""

from __future__ import annotations

from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.summary import RunSummary, Scores
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import Cell, Table, between, number


def several(summary: RunSummary) -> tuple[Table, ...]:
    """What each objective reaches alone, and what the choice among them does; empty where there was but one."""
    rows: list[tuple[Cell, ...]] = []
    for model in summary.models:
        if (tried := model.several) is None:
            continue
        for position, (name, alone) in enumerate(tried.objectives.items()):
            first = Cell("") if position else Cell(model.model)
            rows.append(
                (first, Cell(name), *_scores(summary, alone), Cell(str(alone["fewest"])), Cell(str(alone["greedy"])))
            )
        attacked, images = model.conditions[ADVERSARIAL], str(model.samples)
        rows.append(
            (Cell(""), Cell("fewest right pixels per image"), *_scores(summary, attacked), Cell(images), Cell(""))
        )
        rows.append((Cell(""), Cell("greedy choice"), *_scores(summary, tried.greedy), Cell(""), Cell(images)))
    if not rows:
        return ()
    scores = [Cell(score.label, (score.unit,)) for score in words(summary).scores]
    return (
        Table(
            name="several",
            title="Worst of several objectives",
            headers=(
                Cell("model"),
                Cell("objective"),
                *scores,
                Cell("fewest right", ("images",)),
                Cell("greedy choice", ("images",)),
            ),
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


def _scores(summary: RunSummary, scores: Scores) -> tuple[Cell, ...]:
    """The scores, the headline score with its interval where there is one."""
    terms = words(summary)
    ends = scores.get("ci95", {}).get(terms.headline.key)
    return tuple(
        Cell(number(scores.get(score.key), 2), between(ends, scores[score.key]) if score == terms.headline else ())
        for score in terms.scores
    )
