"""A run of several bounds as a reader sees it: at one bound its summary is that of a run of this bound alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, Condition, label_of
from foolscape.records.run import attack_at
from foolscape.report.pictures.plots import Band, Curve, Plot, plot
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import Json, Table, known, number


def bounds_of(summary: Json) -> tuple[str, ...]:
    """The bounds of a run, rising, where it has several; else none."""
    return tuple(summary["attack"].get("bounds", ()))


def at_bound(summary: Json, bound: str) -> Json:
    """The summary at one of the run's bounds; the verdict and its reasons are those of all."""
    models = [model_at(model, bound) for model in summary["models"]]
    return {**summary, "attack": attack_at(summary["attack"], bound), "models": models}


def at_largest(summary: Json) -> Json:
    """The summary at the largest bound, which the headline is about; itself where there are not several."""
    bounds = bounds_of(summary)
    return at_bound(summary, bounds[-1]) if bounds else summary


def model_at(model: Json, bound: str | None = None) -> Json:
    """One of the `models` of a summary at one of its bounds; None: the largest.

    It is as it stands where it has not several, also because nothing is measured yet.
    """
    bounds = tuple(model.get("bounds", ()))
    if not bounds:
        return model
    bound = bound or bounds[-1]
    found = {Condition(name): scores for name, scores in model["conditions"].items()}
    conditions = {name.name: scores for name, scores in found.items() if name.bound in (None, bound)}
    rest = {key: value for key, value in model.items() if key != "bounds"}
    return {**rest, **model["bounds"][bound], "conditions": conditions}


def titled(tables: Sequence[Table], bound: str) -> tuple[Table, ...]:
    """`tables` of one bound, which their titles say."""
    return tuple(
        replace(one, name=f"{one.name}-{bound.partition('/')[0]}", title=f"{one.title}, within {bound}")
        for one in tables
    )


def smaller_bounds(summary: Json, model: Json) -> str:
    """What a model scores within all bounds but the largest, such as: Within 1/255 mIoU is 82.7, within 4/255 45.3."""
    bounds = tuple(model.get("bounds", ()))[:-1]
    if not bounds:
        return ""
    score = words(summary).headline
    left = (model_at(model, bound)["conditions"][ADVERSARIAL].get(score.key) for bound in bounds)
    first, *others = (f"{bound} {{}}{number(value, 1)}" for bound, value in zip(bounds, left, strict=True))
    return ", within ".join([f"Within {first.format(f'{score.label} is ')}", *(one.format("") for one in others)]) + "."


def bound_plots(summary: Json) -> tuple[Plot, ...]:
    """The headline score of every model against the bound, attacked and under the controls; empty with one bound."""
    score = words(summary).headline
    found = []
    for model in summary["models"]:
        if lines := bound_curves(model, score.key):
            caption = f"{score.label} within each bound, {model['model']}; shaded: its interval, where there is one"
            y = f"{score.label} {score.unit}".rstrip()
            found.append(plot(caption, lines, "bound in levels of 255", y, percent=score.unit == "%"))
    return tuple(found)


def bound_curves(model: Json, score: str) -> list[Curve]:
    """A score of one model from no change to its largest bound: attacked, and under each control; none with one bound.

    Args:
        model: one of the `models` of a summary.
        score: its key.
    """
    bounds = tuple(model.get("bounds", ()))
    if not bounds:
        return []
    xs = [0.0, *(float(bound.partition("/")[0]) for bound in bounds)]
    found = []
    for condition in (name for name in CONDITIONS if name != CLEAN):
        at = [model["conditions"].get(name, {}) for name in (CLEAN, *(condition.at(bound) for bound in bounds))]
        ends = [one.get("ci95", {}).get(score) or (None, None) for one in at]
        band = Band([known(low) for low, _ in ends], [known(high) for _, high in ends])
        ys = [known(one.get(score)) for one in at]
        if any(y is not None for y in ys):
            found.append(Curve(label_of(condition), xs, ys, dashed=condition != ADVERSARIAL, band=band))
    return found
