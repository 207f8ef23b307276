"""The tables of slices: where a model does worse, the worst first, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from foolscape.metrics.score import Score, scores_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN, label_of
from foolscape.records.slices import ContrastRecord, ModelSlices, SliceRecord, SlicesRecord
from foolscape.records.summary import RunSummary, Scores
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import Cell, Table, between, counted, number
from foolscape.report.task import report_of
from foolscape.tasks.base import task_named

_WORST: Final = 3
"""Slices that a terminal shows of each model."""
_OF_CLASSES: Final = "class"
"""Of these a table of their own tells already."""


@dataclass(frozen=True)
class SliceTerms:
    """How the scores of slices are called.

    Attributes:
        main: the score that sums a model up.
        scores: all that may be there, in the order of the tables.
        unit: a sample, in the singular.
        noun: objects one by one, in the plural.
    """

    main: Score[Any]
    scores: tuple[Score[Any], ...]
    unit: str
    noun: str


Terms = Callable[[str], SliceTerms]
"""By the name of a task."""


def of_run(summary: RunSummary) -> Terms:
    """As the tables of the run call them."""
    found = words(summary)
    terms = _terms(summary.task, found.headline, found.scores)
    return lambda _: terms


def of_tasks(task: str) -> SliceTerms:
    """By the measure that is a task's own."""
    measure = scores_of(task).default
    return _terms(task, measure.main, tuple(score for score in measure.scores if not score.further))


def _terms(task: str, main: Score[Any], scores: tuple[Score[Any], ...]) -> SliceTerms:
    report = report_of(task)
    own = () if report.part_score is None else (report.part_score,)
    return SliceTerms(main, (*scores, *own), task_named(task).unit, report.parts)


@dataclass(frozen=True)
class SliceBlock:
    """What a page says of slices: the worst in short, each model's, and every score of each; empty without any."""

    worst: tuple[Table, ...]
    tables: tuple[Table, ...]
    scores: tuple[Table, ...] = ()


def slice_block(terms: Terms, slices: SlicesRecord | None) -> SliceBlock:
    """The slices of a page."""
    return SliceBlock(worst_slices(terms, slices), slice_tables(terms, slices), every_score(terms, slices))


def slice_tables(terms: Terms, slices: SlicesRecord | None) -> tuple[Table, ...]:
    """Slices of images, and of objects, of every model: the score that sums it up, clean, attacked and lost.

    What holds for all of them stands below the first.
    """
    if slices is None:
        return ()
    found = [
        _table(terms(model.task or slices.task), slices, model, of, f"{title}, {model.model}")
        for model in slices.models
        for of, title in (("images", "Slices of images"), ("objects", "Slices of objects"))
        if any(one.of == of for one in model.slices)
    ]
    shared = _conventions(slices, "compared", "few", "worst_first", "bounds", "loss")
    beside = "Right and lost: points more or less than beside the slice, with the corrected p."
    return tuple(
        table if place else replace(table, notes=(*table.notes, beside, *shared, *slices.notes))
        for place, table in enumerate(found)
    )


def before_and_after(terms: Terms, slices: SlicesRecord) -> tuple[Table, ...]:
    """The slices of two models on the same images, the worst of the second first, each score of one beside the other's.

    A slice that one of the two alone has (a bound of its own objects) is left to that one's page.
    """
    first, second = slices.models
    before = {(one.of, one.attribute, one.value): one for one in first.slices}
    found = []
    for of, title in (("images", "Slices of images"), ("objects", "Slices of objects")):
        pairs = [(before.get((of, one.attribute, one.value)), one) for one in second.slices if one.of == of]
        shared = [(was, now) for was, now in pairs if was is not None]
        if not shared:
            continue
        score = _headline(own := terms(slices.task), shared[0][1])
        conditions = [name for name in (CLEAN, ADVERSARIAL) if name in shared[0][1].scores]
        rows = tuple(
            (
                Cell(now.name, _mark(now)),
                Cell(str(now.images)),
                *(_point(one, score, name) for name in conditions for one in (was, now)),
            )
            for was, now in shared
        )
        columns = (Cell(label_of(name), (model.model,)) for name in conditions for model in (first, second))
        headers = (Cell("slice"), Cell(f"{own.unit}s"), *columns)
        notes = (score.convention, *_conventions(slices, "few", "worst_first", "bounds"))
        faded = frozenset(place for place, (_, now) in enumerate(shared) if now.few)
        heading = f"{title}, {first.model} and {second.model}"
        found.append(Table(f"slices-{of}", heading, headers, rows, notes, faded=faded))
    return tuple(found)


def _point(one: SliceRecord, score: Score[Any], condition: str) -> Cell:
    found: Scores = one.scores.get(condition, {})
    return Cell(number(found.get(score.key), 1), between(found.get("ci95", {}).get(score.key), found.get(score.key)))


def worst_slices(terms: Terms, slices: SlicesRecord | None) -> tuple[Table, ...]:
    """In short: of every model the worst slices that are so by more than chance, or that there is none."""
    if slices is None:
        return ()
    rows: list[tuple[Cell, ...]] = []
    remarks = []
    for model in slices.models:
        weak = [one for one in model.slices if one.weak and one.attribute != _OF_CLASSES]
        if not weak:
            rows.append((Cell(model.model), Cell(_none_of(model)), Cell(""), Cell("")))
        for place, one in enumerate(weak[:_WORST]):
            name = Cell("" if place else model.model)
            gaps = _gaps(one)
            rows.append((name, Cell(one.name), _size(one, terms(model.task or slices.task)), Cell(gaps[0], gaps[1:])))
        if len(weak) > _WORST:
            remarks.append(f"{model.model}: {len(weak) - _WORST} more on the page.")
    headers = (Cell("model"), Cell("slice"), Cell("of"), Cell("beside the rest"))
    return (Table("slices", "The worst slices", headers, tuple(rows), texts=4, named=True, remarks=tuple(remarks)),)


def every_score(terms: Terms, slices: SlicesRecord | None) -> tuple[Table, ...]:
    """Every score of every slice, of each model a table."""
    found = []
    for model in () if slices is None else slices.models:
        own, attacked = terms(model.task or (slices.task if slices else "")), _attacked(model)
        rows = []
        for one in model.slices:
            for place, score in enumerate(_scores(own, one)):
                name = Cell("" if place else one.name)
                rows.append((name, Cell(score.title), *_figures(one, score, attacked=attacked)))
        headers = (Cell("slice"), Cell(""), *_headers(attacked=attacked))
        found.append(Table(f"slice-scores-{model.slug}", model.model, headers, tuple(rows), texts=2))
    return tuple(found)


def _none_of(model: ModelSlices) -> str:
    """That no slice is worse, in words."""
    if not model.compared:
        return "too few images to compare"
    aside = ", classes aside" if any(one.weak for one in model.slices) else ""
    return f"none by more than chance in {counted(model.compared, 'comparison')}{aside}"


def _table(terms: SliceTerms, slices: SlicesRecord, model: ModelSlices, of: str, title: str) -> Table:
    chosen = [one for one in model.slices if one.of == of]
    attacked = _attacked(model)
    score = _headline(terms, chosen[0])
    rows = tuple(
        (Cell(one.name, _mark(one)), Cell(str(one.images)), Cell("" if one.objects is None else str(one.objects)),
         *_figures(one, score, attacked=attacked), *_beside(one, attacked=attacked))
        for one in chosen
    )  # fmt: skip
    headers = (
        Cell("slice"),
        Cell(f"{terms.unit}s"),
        Cell(terms.noun),
        *_headers(attacked=attacked, score=score.title),
        Cell("right, clean", ("points",)),
        *((Cell("lost", ("points",)),) if attacked else ()),
    )
    notes = (
        score.convention,
        *(_conventions(slices, "objects") if of == "objects" else ()),
        f"Corrected for {counted(model.compared, 'comparison')} of this model.",
    )
    faded = frozenset(place for place, one in enumerate(chosen) if one.few)
    return Table(f"slices-{of}-{model.slug}", title, headers, rows, notes, faded=faded)


def _attacked(model: ModelSlices) -> bool:
    return any(ADVERSARIAL in one.scores for one in model.slices)


def _headers(*, attacked: bool, score: str = "") -> Iterator[Cell]:
    detail = (score,) if score else ()
    yield Cell("clean", detail)
    if attacked:
        yield from (Cell("attacked", detail), Cell("loss", detail))


def _headline(terms: SliceTerms, one: SliceRecord) -> Score[Any]:
    """The score that sums a slice up: the run's own where the slice has it."""
    scores = _scores(terms, one)
    return terms.main if terms.main in scores else scores[0]


def _scores(terms: SliceTerms, one: SliceRecord) -> list[Score[Any]]:
    there = next(iter(one.scores.values()), {})
    return [score for score in terms.scores if score.key in there]


def _figures(one: SliceRecord, score: Score[Any], *, attacked: bool) -> Iterator[Cell]:
    for condition in (CLEAN, ADVERSARIAL) if attacked else (CLEAN,):
        yield _point(one, score, condition)
    if attacked:
        loss = one.loss.get(score.key)
        if loss is None:
            yield Cell(number(None, 1))
        else:
            yield Cell(number(loss.value, 1), between((loss.low, loss.high), loss.value))


def _beside(one: SliceRecord, *, attacked: bool) -> Iterator[Cell]:
    yield _gap(one.clean)
    if attacked:
        yield _gap(one.lost)


def _gap(contrast: ContrastRecord | None) -> Cell:
    if contrast is None:
        return Cell(number(None, 1))
    text = number(contrast.here - contrast.elsewhere, 1, sign=True)
    return Cell(text, () if contrast.p_adjusted is None else (_p(contrast.p_adjusted),))


def _p(value: float) -> str:
    return f"p {value:.3f}" if value >= 0.001 else "p < 0.001"


def _mark(one: SliceRecord) -> tuple[str, ...]:
    """What is more than chance about a slice."""
    if one.few:
        return ("too few to compare",)
    marked = []
    for contrast, less, more in ((one.clean, "less right", "more right"), (one.lost, "loses less", "loses more")):
        if contrast is not None and contrast.marked:
            marked.append(less if contrast.here < contrast.elsewhere else more)
    return (f"more than chance: {', '.join(marked)}",) if marked else ()


def _gaps(one: SliceRecord) -> tuple[str, ...]:
    """What is worse about a weak slice, in words."""
    parts = []
    if one.clean is not None and one.clean.marked and (one.behind or 0) > 0:
        parts.append(f"{number(one.behind, 1)} points less right when clean")
    if one.lost is not None and one.lost.marked and (one.more_lost or 0) > 0:
        parts.append(f"{number(one.more_lost, 1)} points more lost to the attack")
    return tuple(parts)


def _size(one: SliceRecord, terms: SliceTerms) -> Cell:
    """The images and objects behind a slice."""
    objects = () if one.objects is None else (f"{one.objects} {terms.noun}",)
    return Cell(counted(one.images, terms.unit), objects)


def _conventions(slices: SlicesRecord, *names: str) -> tuple[str, ...]:
    return tuple(slices.conventions[name] for name in names if name in slices.conventions)
