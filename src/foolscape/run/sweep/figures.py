"""What a finished cell of a sweep found, a row for each of its bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foolscape.records.conditions import ADVERSARIAL, CLEAN, NOISE, PERMUTED
from foolscape.records.reader import read_summary
from foolscape.records.summary import Interval, ModelSummary, RunSummary
from foolscape.records.sweep import SweepRow
from foolscape.report.tables.bounds import model_at
from foolscape.report.tables.labels import words
from foolscape.run.sweep.grid import Cell
from foolscape.verdict import Verdict


def rows_of(directory: Path, cell: Cell) -> tuple[SweepRow, ...]:
    """The rows of a cell whose run lies in `directory`; RunError where that cannot be read."""
    summary = read_summary(directory)
    (model,) = summary.models
    bounds = tuple(bound for bound in model.bounds if bound not in cell.unwanted)
    return tuple(_row(cell, summary, model, bound) for bound in bounds or (None,))


def _row(cell: Cell, summary: RunSummary, model: ModelSummary, bound: str | None) -> SweepRow:
    score, at, trust = words(summary).headline, model_at(model, bound), summary.trust
    scores = {name: at.conditions.get(name, {}) for name in (CLEAN, ADVERSARIAL, PERMUTED, NOISE)}
    verdict = str(Verdict.NOT_DECIDED) if trust is None else trust.bounds.get(bound or "", trust.verdict)
    return SweepRow(
        cell=cell.name,
        model=cell.model,
        data=cell.data,
        attack=cell.attack,
        seed=cell.seed,
        bound=bound or summary.attack.get("eps"),
        task=summary.task,
        reference=summary.reference,
        score=score.key,
        label=score.label,
        unit=score.unit,
        higher=score.higher,
        clean=scores[CLEAN].get(score.key),
        clean_ci95=_interval(scores[CLEAN], score.key),
        attacked=scores[ADVERSARIAL].get(score.key),
        attacked_ci95=_interval(scores[ADVERSARIAL], score.key),
        shuffled=scores[PERMUTED].get(score.key),
        noise=scores[NOISE].get(score.key),
        success_rate=at.success_rate,
        median_levels=None if at.minimum is None else at.minimum.median_levels,
        verdict=verdict,
        images=model.samples,
        failures=len({failure.id for failure in summary.failures}),
    )


def _interval(scores: dict[str, Any], key: str) -> Interval:
    found = scores.get("ci95", {}).get(key)
    return None if found is None else (found[0], found[1])
