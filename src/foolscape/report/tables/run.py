"""The tables of a run as neutral records, from `summary.json` alone; `render.py` prints them.

The scores stand as in Table 1 of Xie et al. (2017), whose ORIG, ADVR and PERM are clean, attacked and the same change
shuffled, one line per model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from foolscape.metrics.eval_classes import KEY as EVAL_CLASSES
from foolscape.metrics.score import Score
from foolscape.records.conditions import ADVERSARIAL, CLEAN, IN_FLOAT, label_of
from foolscape.records.summary import ModelSummary, RunSummary, Scores
from foolscape.records.timings import Times
from foolscape.report.tables.bounds import at_bound, at_largest, bounds_of, model_at, titled
from foolscape.report.tables.boxes import box_tables
from foolscape.report.tables.labels import conventions, reference_notes, sentences_of, unfinished, words
from foolscape.report.tables.minimum import minimum_tables
from foolscape.report.tables.objectives import several
from foolscape.report.tables.objects import listed, object_scores, unlisted
from foolscape.report.tables.table import (
    DASH,
    TIMES,
    Cell,
    Table,
    between,
    counted,
    known,
    number,
    present,
)
from foolscape.report.tables.trust import trust

_NO_TIMES: Final = Times()
_NAMED: Final = 3
"""How many images a line of the failures names."""
_ABOVE: Final[Scores] = {}
"""In the place of scores that stand in a line above."""
_FLOAT_MATTERS: Final = 0.05
"""Points by which the score before rounding must differ from the 8-bit one to be shown beside it."""


def tables(summary: RunSummary, times: Times = _NO_TIMES) -> tuple[Table, ...]:
    """Every table of a run that has something to say, in reading order; `times` where they are known."""
    by_class = [per_class(summary, model) for model in summary.models if model.conditions]
    left_out = [failures(summary)] if summary.failures else []
    return (*overall(summary, times), *by_class, *left_out)


def overall(summary: RunSummary, times: Times = _NO_TIMES) -> tuple[Table, ...]:
    """The tables over all models: scores, boxes where there are any, an attack's cost, and what speaks against it."""
    attacked = any(model.distortion for model in summary.models)
    attack = (*_of_each_bound(several, summary), costs(summary, times)) if attacked else ()
    return (
        scores(summary),
        *minimum_tables(summary),
        *further_scores(summary),
        *_of_each_bound(box_tables, summary),
        *attack,
        *trust(summary.trust, {model.slug: model.model for model in summary.models}),
    )


def scores(summary: RunSummary) -> Table:
    """The scores of every model under every condition, with their intervals; or that there are none."""
    models, terms = summary.models, words(summary)
    if not _measured(summary):
        rows = tuple((Cell(model.model), Cell(f"no {terms.unit} was measured")) for model in models)
        title = ", ".join(filter(None, ("Scores", unfinished(summary))))
        return Table("scores", title, (Cell("model"), Cell("")), rows, texts=2)
    notes = (
        " ".join(conventions(summary, *present(at_largest(summary).models))),
        *_float_note(summary, terms.scores),
        *conventions(summary, "eight_bit", *terms.beside),
        *(f"{model.model}: {note}." for model in models for note in model.notes),
    )
    title = ", ".join(filter(None, ("Scores", unfinished(summary))))
    return replace(
        _by_condition(summary, "scores", title, terms.scores, notes),
        remarks=(*reference_notes(summary.task, summary.reference), *_over_classes(summary)),
    )


def _over_classes(summary: RunSummary) -> tuple[str, ...]:
    """That scores are over some of the classes alone, where they are."""
    said = summary.conventions.get(EVAL_CLASSES)
    return () if said is None else (str(said),)


def _measured(summary: RunSummary) -> bool:
    """Whether any image of any model was."""
    return any(model.conditions for model in summary.models)


def further_scores(summary: RunSummary) -> tuple[Table, ...]:
    """The scores that stand back behind the first table; empty where the task has none."""
    terms = words(summary)
    if not terms.further or not _measured(summary):
        return ()
    notes = (*_float_note(summary, terms.further), *conventions(summary, *sentences_of(terms.further)))
    return (_by_condition(summary, "further", terms.measure.further or "Further scores", terms.further, notes),)


def costs(summary: RunSummary, times: Times) -> Table:
    """What the attack cost and how far it moved the images: means over the images of each model, at each bound.

    The time is that of all bounds together, beside the largest.
    """
    bounds = bounds_of(summary)
    rows = []
    for model in summary.models:
        for index, bound in enumerate(bounds or (None,)):
            last = bound is None or bound == bounds[-1]
            name = Cell("" if index else model.model)
            place = () if bound is None else (Cell(bound),)
            rows.append((name, *place, *_cost(model_at(model, bound), times.image.get(model.model) if last else None)))
    headers = (
        Cell("model"),
        *((Cell("bound"),) if bounds else ()),
        Cell("success %", ("claimed %",)),
        Cell("iterations", ("max",)),
        Cell("time", (f"s/{words(summary).unit}",)),
        Cell("Linf", ("levels",)),
        Cell("L2", ("[0, 1]",)),
        Cell("p", (f"{TIMES}10⁻³",)),
        Cell("SSIM"),
    )
    return Table(
        name="costs",
        title="Cost and distortion of the attack",
        headers=headers,
        rows=tuple(rows),
        remarks=_beside(summary, times),
        notes=(
            f"Means over {words(summary).unit}s.",
            *(("The time is that of all bounds together.",) if bounds else ()),
            *conventions(summary, "success_rate", "claimed_rate"),
            *conventions(summary, "linf_levels", "l2", "perceptibility", "ssim"),
        ),
        texts=2 if bounds else 1,
        named=True,
    )


def per_class(summary: RunSummary, model: ModelSummary) -> Table:
    """The score of each class in the truth of one model's images, or of each object: clean, attacked, difference.

    With several bounds there is a column for each of the smaller ones, and the difference is that at the largest.
    """
    attacked = ADVERSARIAL in model_at(model).conditions
    smaller = tuple(model.bounds)[:-1]
    within = [{name: score for name, _, score in class_scores(model_at(model, bound))} for bound in smaller]
    only_class = summary.attack.get("only_class")
    rows = []
    parts = words(summary).parts
    for name, clean, adversarial in listed_scores(model):
        cells = [Cell(name, ("attacked",) if name == only_class else ()), Cell(number(clean, 1))]
        if attacked:
            difference = None if clean is None or adversarial is None else adversarial - clean
            cells += [Cell(number(scores.get(name), 1)) for scores in within]
            cells += [Cell(number(adversarial, 1)), Cell(number(difference, 1, sign=True))]
        rows.append(tuple(cells))
    at = (label_of(ADVERSARIAL.at(bound)) for bound in model.bounds or (None,))
    names = (parts.noun, label_of(CLEAN), *at, "change") if attacked else (parts.noun, label_of(CLEAN))
    return Table(
        name=f"classes-{model.slug}",
        title=f"{parts.score} by {parts.noun}, {model.model}",
        headers=tuple(Cell(header, () if header == parts.noun else ("%",)) for header in names),
        rows=tuple(rows),
        notes=conventions(summary, parts.key),
        remarks=unlisted(model),
    )


def listed_scores(model: ModelSummary) -> list[tuple[str, float | None, float | None]]:
    """As `class_scores`, but of many objects some."""
    if objects := object_scores(model):
        return [(one.name, one.clean, one.attacked) for one in listed(objects)]
    return class_scores(model)


def class_scores(model: ModelSummary) -> list[tuple[str, float | None, float | None]]:
    """(class, score clean, score attacked) of the classes that occur in the truth; None where a score is missing.

    Where objects are measured, these stand in place of classes. Attacked is at the largest of several bounds.
    """
    measured = model_at(model).conditions
    if objects := object_scores(model):
        return [(one.name, one.clean, one.attacked) for one in objects]
    clean = measured.get(CLEAN, {}).get("per_class") or {}
    attacked = measured.get(ADVERSARIAL, {}).get("per_class") or {}
    both = [(name, known(clean.get(name)), known(attacked.get(name))) for name in {**clean, **attacked}]
    return [row for row in both if row[1] is not None or row[2] is not None]


def failures(summary: RunSummary) -> Table:
    """Samples that could not be used, counted by reason and model."""
    unit = words(summary).unit
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in summary.failures:
        groups.setdefault((failure.reason, failure.model or "any"), []).append(failure.id)
    rows = []
    for (reason, model), ids in sorted(groups.items(), key=lambda group: -len(group[1])):
        more = (f"and {len(ids) - _NAMED} more",) if len(ids) > _NAMED else ()
        rows.append((Cell(reason), Cell(model), Cell(", ".join(ids[:_NAMED]), more), Cell(str(len(ids)))))
    return Table(
        name="failures",
        title="Left out",
        headers=(Cell("reason"), Cell("model"), Cell(f"{unit}s"), Cell("count")),
        rows=tuple(rows),
        notes=(f"These {unit}s are in no score of the models named.",),
        texts=3,
    )


def _by_condition(
    summary: RunSummary, name: str, title: str, of_scores: Sequence[Score[Any]], notes: tuple[str, ...]
) -> Table:
    """`of_scores` of every model: a column for each condition, a line for each bound where there are several."""
    bounds, unit = bounds_of(summary), words(summary).unit
    columns = present(at_largest(summary).models)
    rows = []
    for model in summary.models:
        for position, score in enumerate(of_scores):
            for index, bound in enumerate(bounds or (None,)):
                leads = not position and not index
                first = Cell(model.model, (counted(model.samples, unit),)) if leads else Cell("")
                place = () if bound is None else (Cell(bound),)
                measured: dict[str, Scores] = {**model_at(model, bound).conditions}
                if index:
                    measured[CLEAN] = _ABOVE
                cells = (_score(measured, column, score.key) for column in columns)
                rows.append((first, Cell("" if index else score.title), *place, *cells))
    place = (Cell("bound"),) if bounds else ()
    headers = (Cell("model"), Cell(""), *place, *(Cell(label_of(column)) for column in columns))
    return Table(name, title, headers, tuple(rows), notes, texts=3 if bounds else 2, named=True)


def _of_each_bound(tables_of: Callable[[RunSummary], tuple[Table, ...]], summary: RunSummary) -> tuple[Table, ...]:
    """The tables of a run, at each of its bounds where there are several."""
    bounds = bounds_of(summary)
    if not bounds:
        return tables_of(summary)
    return tuple(table for bound in bounds for table in titled(tables_of(at_bound(summary, bound)), bound))


def _score(measured: Mapping[str, Scores], name: str, score: str) -> Cell:
    condition = measured.get(name)
    if condition is None:
        return Cell(DASH)
    if condition is _ABOVE:
        return Cell("")
    detail = [*between(condition.get("ci95", {}).get(score), condition.get(score))]
    if name == ADVERSARIAL and _float_differs(measured, score):
        detail.append(f"float {number(measured['adversarial_float'][score], 2)}")
    return Cell(number(condition.get(score), 2), tuple(detail))


def _float_differs(measured: Mapping[str, Scores], score: str) -> bool:
    rounded = known(measured.get(ADVERSARIAL, {}).get(score))
    exact = known(measured.get(IN_FLOAT, {}).get(score))
    return rounded is not None and exact is not None and abs(rounded - exact) > _FLOAT_MATTERS


def _beside(summary: RunSummary, times: Times) -> tuple[str, ...]:
    """What the other attacks took that were tried for the verdict, which is in no time of the attack."""
    took = [(model.model, times.probes[model.model]) for model in summary.models if model.model in times.probes]
    if not took:
        return ()
    each = ", ".join(f"{number(seconds, 1)} s on {model}" for model, seconds in took)
    return (f"Other attacks, tried for the verdict, took {each}; that is not in the time above.",)


def _float_note(summary: RunSummary, of_scores: Iterable[Score[Any]]) -> tuple[str, ...]:
    each = [model_at(model, bound).conditions for model in summary.models for bound in bounds_of(summary) or (None,)]
    if any(_float_differs(conditions, score.key) for score in of_scores for conditions in each):
        return ("float: the attacked image before rounding to 8 bits, where the score differs by more than 0.05.",)
    return ()


def _cost(model: ModelSummary, seconds: float | None) -> tuple[Cell, ...]:
    distortion, iterations = model.distortion, model.iterations
    perceptibility = known(distortion.get("perceptibility"))
    return (
        Cell(number(model.success_rate, 1), (number(model.claimed_rate, 1),)),
        Cell(number(iterations.get("mean"), 1), (number(iterations.get("max"), 0),)),
        Cell(number(seconds, 2)),
        Cell(number(distortion.get("linf_levels"), 1)),
        Cell(number(distortion.get("l2"), 2)),
        Cell(number(None if perceptibility is None else 1000 * perceptibility, 2)),
        Cell(number(distortion.get("ssim"), 4)),
    )
