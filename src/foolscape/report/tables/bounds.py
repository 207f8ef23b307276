"""A run of several bounds as a reader sees it: at one bound its summary is that of a run of this bound alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foolscape.records.conditions import ADVERSARIAL, Condition
from foolscape.records.run import attack_at
from foolscape.records.summary import ModelSummary, RunSummary
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import Table, number


def bounds_of(summary: RunSummary) -> tuple[str, ...]:
    """The bounds of a run, rising, where it has several; else none."""
    return tuple(summary.attack.get("bounds", ()))


def at_bound(summary: RunSummary, bound: str) -> RunSummary:
    """The summary at one of the run's bounds; the verdict and its reasons are those of all."""
    models = tuple(model_at(model, bound) for model in summary.models)
    return replace(summary, attack=attack_at(summary.attack, bound), models=models)


def at_largest(summary: RunSummary) -> RunSummary:
    """The summary at the largest bound, which the headline is about; itself where there are not several."""
    bounds = bounds_of(summary)
    return at_bound(summary, bounds[-1]) if bounds else summary


def model_at(model: ModelSummary, bound: str | None = None) -> ModelSummary:
    """One of the `models` of a summary at one of its bounds; None: the largest.

    It is as it stands where it has not several, also because nothing is measured yet.
    """
    if not model.bounds:
        return model
    bound = bound or list(model.bounds)[-1]
    scores = {Condition(name): scores for name, scores in model.conditions.items()}
    result = model.bounds[bound]
    return replace(
        model,
        conditions={name.name: of_name for name, of_name in scores.items() if name.bound in (None, bound)},
        distortion=result.distortion,
        success_rate=result.success_rate,
        claimed_rate=result.claimed_rate,
        iterations=result.iterations,
        controls=result.controls,
        several=result.several,
        bounds={},
    )


def titled(tables: Sequence[Table], bound: str) -> tuple[Table, ...]:
    """`tables` of one bound, which their titles say."""
    return tuple(
        replace(one, name=f"{one.name}-{bound.partition('/')[0]}", title=f"{one.title}, within {bound}")
        for one in tables
    )


def smaller_bounds(summary: RunSummary, model: ModelSummary) -> str:
    """What a model scores within all bounds but the largest, such as: Within 1/255 mIoU is 82.7, within 4/255 45.3."""
    bounds = tuple(model.bounds)[:-1]
    if not bounds:
        return ""
    score = words(summary).headline
    values = (model_at(model, bound).conditions[ADVERSARIAL].get(score.key) for bound in bounds)
    first, *others = (f"{bound} {{}}{number(value, 1)}" for bound, value in zip(bounds, values, strict=True))
    return ", within ".join([f"Within {first.format(f'{score.label} is ')}", *(one.format("") for one in others)]) + "."
