"""The tables of slices: where a model does worse, the worst first, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from foolscape.metrics.score import Score
from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.slices import ContrastRecord, ModelSlices, SliceRecord, SlicesRecord
from foolscape.records.summary import RunSummary, Scores
from foolscape.report.tables.labels import words
from foolscape.report.tables.table import Cell, Table, between, counted, number
from foolscape.report.task import report_of

_WORST: Final = 3
"""Slices that a terminal shows of each model."""
_OF_CLASSES: Final = "class"
"""Of these a table of their own tells already."""


def slice_tables(summary: RunSummary, slices: SlicesRecord | None) -> tuple[Table, ...]:
    """Slices of images, and of objects, of every model: the score that sums it up, clean, attacked and lost.

    What holds for all of them stands below the first.
    """
    if slices is None:
        return ()
    found = [
        _table(summary, slices, model, of, f"{title}, {model.model}")
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


def worst_slices(summary: RunSummary, slices: SlicesRecord | None) -> tuple[Table, ...]:
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
            rows.append((name, Cell(one.name), _size(one, summary), Cell(gaps[0], gaps[1:])))
        if len(weak) > _WORST:
            remarks.append(f"{model.model}: {len(weak) - _WORST} more on the page.")
    headers = (Cell("model"), Cell("slice"), Cell("of"), Cell("beside the rest"))
    return (Table("slices", "The worst slices", headers, tuple(rows), texts=4, named=True, remarks=tuple(remarks)),)


def every_score(summary: RunSummary, slices: SlicesRecord | None) -> tuple[Table, ...]:
    """Every score of every slice, of each model a table."""
    found = []
    for model in _models(slices):
        attacked = _attacked(model)
        rows = []
        for one in model.slices:
            for place, score in enumerate(_scores(summary, one)):
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


def _models(slices: SlicesRecord | None) -> Sequence[ModelSlices]:
    return () if slices is None else slices.models


def _table(summary: RunSummary, slices: SlicesRecord, model: ModelSlices, of: str, title: str) -> Table:
    chosen = [one for one in model.slices if one.of == of]
    attacked = _attacked(model)
    score = _headline(summary, chosen[0])
    rows = tuple(
        (Cell(one.name, _mark(one)), Cell(str(one.images)), Cell("" if one.objects is None else str(one.objects)),
         *_figures(one, score, attacked=attacked), *_beside(one, attacked=attacked))
        for one in chosen
    )  # fmt: skip
    unit = words(summary).unit
    headers = (
        Cell("slice"),
        Cell(f"{unit}s"),
        Cell(_noun(summary)),
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


def _headline(summary: RunSummary, one: SliceRecord) -> Score[Any]:
    """The score that sums a slice up: the run's own where the slice has it."""
    scores = _scores(summary, one)
    main = words(summary).headline
    return main if main in scores else scores[0]


def _scores(summary: RunSummary, one: SliceRecord) -> list[Score[Any]]:
    there = next(iter(one.scores.values()), {})
    own = report_of(summary.task).part_score
    scores = [score for score in words(summary).scores if score.key in there]
    return [*scores, own] if own is not None and own.key in there else scores


def _figures(one: SliceRecord, score: Score[Any], *, attacked: bool) -> Iterator[Cell]:
    for condition in (CLEAN, ADVERSARIAL) if attacked else (CLEAN,):
        found: Scores = one.scores.get(condition, {})
        ends = found.get("ci95", {}).get(score.key)
        yield Cell(number(found.get(score.key), 1), between(ends, found.get(score.key)))
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


def _size(one: SliceRecord, summary: RunSummary) -> Cell:
    """The images and objects behind a slice."""
    objects = () if one.objects is None else (f"{one.objects} {_noun(summary)}",)
    return Cell(counted(one.images, words(summary).unit), objects)


def _noun(summary: RunSummary) -> str:
    return report_of(summary.task).parts


def _conventions(slices: SlicesRecord, *names: str) -> tuple[str, ...]:
    return tuple(slices.conventions[name] for name in names if name in slices.conventions)
