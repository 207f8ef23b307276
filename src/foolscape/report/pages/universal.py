"""The report of a universal perturbation: its figures, its curves, the pattern, and images before and after."""

from __future__ import annotations

import json
import shlex
from array import array
from collections.abc import Mapping, Sequence
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from safetensors.numpy import load_file

from foolscape.disk import write_file
from foolscape.errors import RunError
from foolscape.metrics.score import scores_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, label_of
from foolscape.records.places import SUMMARY
from foolscape.records.reader import read_record, read_result, read_slices
from foolscape.records.row import Moved
from foolscape.records.scan import read_rows
from foolscape.records.stored import StoredRows
from foolscape.records.summary import Scores
from foolscape.records.universal_summary import UniversalSummary
from foolscape.regular import check_regular
from foolscape.report.files import Pixels, write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.pictures.figures import data_url, png
from foolscape.report.pictures.gallery import Gallery, gallery_of, view_of, views
from foolscape.report.pictures.universal_curves import curves
from foolscape.report.tables.render import show, write_tables
from foolscape.report.tables.slices import of_tasks, slice_block, slice_tables, worst_slices
from foolscape.report.tables.table import Cell, Table, counted, images, known, number
from foolscape.report.tables.trust import headline_of, print_verdict, trust
from foolscape.report.task import Facts, ImageView, report_of

KIND: Final = "universal"
_SHOWN: Final = 2
_ROWS: Final = {
    "hidden": ("hidden %", "hidden_per_image"),
    "preserved": ("preserved %", "preserved_per_image"),
    "preserved_without": ("preserved without %", None),
    "success": ("success %", "success_per_image"),
    "invented": ("invented per image", None),
}
"""Key of a condition -> its label, and the key of its mean over images; the scores of the task follow."""
_OTHERS: Final = {"AP50_others": ("AP50 others %", None)}


@of_a_run
def print_universal(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print the tables of the finished run in `directory`."""
    summary, slices = _summary(directory), read_slices(directory)
    of_slices = slice_tables(of_tasks, slices) if footnotes else worst_slices(of_tasks, slices)
    show((*universal_tables(summary), *of_slices), console, footnotes=footnotes)
    print_verdict(summary.trust, console)


@of_a_run
def write_universal_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the finished run in `directory`; the texts by suffix."""
    tables = (*universal_tables(_summary(directory)), *slice_tables(of_tasks, read_slices(directory)))
    return write_tables(directory, tables)


def universal_tables(summary: UniversalSummary) -> tuple[Table, ...]:
    """Scores under every condition, the classes before and after, and other models under the same pattern."""
    conditions = summary.conditions
    names = [name for name in CONDITIONS if name in conditions]
    headers = (Cell("score"), *(Cell(label_of(name)) for name in names))
    training = summary.training
    title = f"{summary.target}, {summary.model}, {images(summary.test.measured)}"
    spent = (
        f"At {summary.eps}, learnt on {images(training.images)} in {counted(training.epochs, 'epoch')}, "
        f"{training.gradient_evaluations} gradient evaluations."
    )
    if not training.epochs:
        spent = f"At {summary.eps}, measured as it was given."
    small = "Small: the mean over images."
    lost = [f"{len(summary.failures)} measurements left out: {failure.reason}" for failure in summary.failures[:1]]
    notes = (*summary.conventions.values(), *_counts_note(summary.task, conditions), small, spent)
    main = Table("universal", title, headers, _rows(summary.task, conditions, names), notes, remarks=tuple(lost))
    tables = [main, _classes(summary)]
    for i, other in enumerate(summary.transfer):
        measured = [name for name in CONDITIONS if name in other.conditions]
        heads = (Cell("score"), *(Cell(label_of(name)) for name in measured))
        rows = _rows(other.task, other.conditions, measured)
        title = f"The same pattern on {other.model}"
        tables.append(Table(f"transfer-{i}", title, heads, rows, _counts_note(other.task, other.conditions)))
    return (*tables, *trust(summary.trust))


def _tile(path: Path) -> Any:
    """The perturbation in a file; `RunError` where there is none to read."""
    try:
        check_regular(path)
        return load_file(path)["tile"]
    except OSError as error:
        raise RunError(f"{path}: expected the perturbation, got: {error}. Resume or repeat the run.") from error


@of_a_run
def write_universal_report(directory: Path) -> Path:
    """Write report.html and pattern.png of the finished run in `directory`; the page's path."""
    summary = _summary(directory)
    record = read_record(directory)
    values = _tile(directory / "perturbation.safetensors")
    factor = 127 / max(float(np.abs(values).max()) * 255, 1e-9)
    pattern, plain = _pattern(values, factor), _pattern(values, 1.0)
    write_file(directory, "pattern.png", png(pattern))
    path = directory / "report.html"
    page = template("universal.html.j2").render(
        summary=summary,
        headline=_headline(summary),
        verdict=headline_of(summary.trust) if summary.trust else None,
        tables=universal_tables(summary),
        slices=slice_block(of_tasks, read_slices(directory)),
        pattern=data_url(pattern),
        plain=data_url(plain),
        factor=number(factor, 1),
        tile=values.shape[1:],
        plots=curves(summary),
        gallery=_gallery(read_rows(directory, record)),
        command=shlex.join(record.command),
        config=json.dumps(record.config, indent=2, ensure_ascii=False),
        version=record.foolscape,
    )
    write_text(path, page)
    return path


def _rows(task: str, conditions: Mapping[str, Scores], names: Sequence[str]) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    scores = {score.key: (score.title, None) for score in scores_of(task).default.scores}
    for key, (label, mean) in (_ROWS | scores | _OTHERS).items():
        if any(known(conditions[name].get(key)) is not None for name in names):
            rows.append((Cell(label), *(_score(conditions[name], key, mean) for name in names)))
    return tuple(rows)


def _score(scores: Scores, key: str, mean: str | None) -> Cell:
    beside = None if mean is None else known(scores.get(mean))
    return Cell(number(scores.get(key), 1), () if beside is None else (number(beside, 1),))


def _classes(summary: UniversalSummary) -> Table:
    """The classes that either has a score of, before and after."""
    clean, adversarial = (summary.conditions.get(name, {}) for name in (CLEAN, ADVERSARIAL))
    before, after = clean.get("per_class", {}), adversarial.get("per_class", {})
    rows = tuple(
        (Cell(name), Cell(number(value, 1)), Cell(number(after.get(name), 1)))
        for name, value in before.items()
        if known(value) is not None or known(after.get(name)) is not None
    )
    headers = (Cell("class"), Cell(label_of(CLEAN), ("%",)), Cell(label_of(ADVERSARIAL), ("%",)))
    return Table("classes", f"{scores_of(summary.task).default.parts.score} by class", headers, rows)


def _headline(summary: UniversalSummary) -> str:
    """The result in a sentence."""
    scores = {name: summary.conditions.get(name, {}) for name in (ADVERSARIAL, NOISE)}
    attacked, noise = scores[ADVERSARIAL], scores[NOISE]
    eps = summary.eps
    if "hidden" in attacked:
        if known(attacked["hidden"]) is None:
            return "The model shows nothing of what was to be hidden on the clean images: hidden is not defined."
        return (
            f"One pattern of at most {eps} hides {number(attacked['hidden'], 0)} percent of what was to be hidden"
            f"{_of(summary.task, attacked, 'moving')} and leaves {number(attacked['preserved'], 0)} percent of the "
            f"rest as it was. Uniform noise of that size hides {number(noise.get('hidden'), 0)} percent."
        )
    return (
        f"One pattern of at most {eps} makes {number(attacked.get('success'), 0)} percent of the answers what was "
        f"wanted, uniform noise of that size {number(noise.get('success'), 0)} percent."
    )


def _of(task: str, scores: Scores, part: str) -> str:
    """How many pixels or objects and images a percentage is of, in brackets; empty where the run did not count."""
    count = scores.get("counted", {}).get(part)
    if count is None:
        return ""
    return f" ({counted(count['number'], report_of(task).target)} in {images(count['images'])})"


def _counts_note(task: str, conditions: Mapping[str, Scores]) -> tuple[str, ...]:
    """The note on what the percentages of a table are of; they are of the clean prediction, so the same everywhere."""
    scores = conditions.get(ADVERSARIAL, {})
    labels = {"moving": "hidden" if "hidden" in scores else "success", "staying": "preserved"}
    parts = [f"{name}{count}" for part, name in labels.items() if (count := _of(task, scores, part))]
    return (f"What the percentages are of: {', '.join(parts)}.",) if parts else ()


def _pattern(values: Any, factor: float) -> Pixels:
    """(h, w, 3): the tile (3, h, w) about mid-grey, magnified."""
    pattern: Pixels = np.clip(np.rint(127.5 + factor * 255 * values.transpose(1, 2, 0)), 0, 255).astype(np.uint8)
    return pattern


def _gallery(rows: StoredRows) -> Gallery:
    """Images on which most and least of what was to change did, and one on which nothing was to change."""
    model = rows.record.models[0]
    groups = [(title, [_view(rows, name) for name in names]) for title, names in _chosen(rows) if names]
    return gallery_of(model, groups, report_of(model.task).drawing, _facts)


def _view(rows: StoredRows, name: str) -> ImageView:
    model = rows.record.models[0]
    view = view_of(rows.directory, rows.sample((model.model, name)), model, {}, rows.record.layout)
    assert view is not None
    return view


def _chosen(rows: StoredRows) -> tuple[tuple[str, list[str]], ...]:
    """Headings and the images below them; of all images a few numbers are held, and no rows."""
    record, without = rows.record, list[str]()
    places, moving, standings = array("q"), array("q"), array("d")
    for view in views(rows.directory, rows, record.models[0], {}, record.layout):
        if not view.attacked:
            continue
        if not (moved := _moved(view)).moving:
            without = without or [view.judged.id]
            continue
        places.append(record.order[view.judged.id])
        moving.append(moved.moving)
        standings.append(_standing(moved))
    # A few pixels are soon hidden: what works and what does not is seen where there is much to change.
    most = np.argsort(-np.array(moving, np.int64), kind="stable")[: max(len(moving) // 2, 2 * _SHOWN)].tolist()
    ranked = [(standings[one], record.samples[places[one]].id) for one in most]
    best = [name for _, name in nlargest(_SHOWN, ranked)]
    least = [name for _, name in nsmallest(_SHOWN, ranked)][: max(len(ranked) - _SHOWN, 0)]
    return (("Worked best", best), ("Worked least", least), ("Nothing was to change", without))


def _standing(moved: Moved) -> float:
    """How well it worked: to hide people by breaking the whole picture is not what was wanted."""
    pairs = ((moved.reached, moved.moving), (moved.stayed, moved.staying))
    shares = [part / whole for part, whole in pairs if whole]
    return sum(shares) / len(shares)


def _facts(view: ImageView) -> Facts:
    moved = _moved(view)
    pairs = (
        ("changed", moved.left, moved.moving),
        ("as wanted", moved.reached, moved.moving),
        ("preserved", moved.stayed, moved.staying),
    )
    return tuple((name, f"{number(100 * part / whole, 1)} %") for name, part, whole in pairs if whole)


def _moved(view: ImageView) -> Moved:
    moved = view.rows[ADVERSARIAL].universal
    assert moved is not None
    return moved


def _summary(directory: Path) -> UniversalSummary:
    return read_result(directory, SUMMARY, UniversalSummary)
