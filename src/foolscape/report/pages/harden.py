"""The report of a hardening: the network before and after, clean and attacked."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from foolscape.metrics.eval_classes import KEY as EVAL_CLASSES
from foolscape.metrics.tasks.segmentation import SEGMENTATION
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED, label_of
from foolscape.records.harden_summary import HardenedSummary, HardenSummary
from foolscape.records.places import SUMMARY, WHEN
from foolscape.records.reader import read_record, read_result, read_slices
from foolscape.records.summary import Scores
from foolscape.report.files import write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.tables.render import show, write_tables
from foolscape.report.tables.slices import SliceBlock, before_and_after, of_tasks, worst_slices
from foolscape.report.tables.table import Cell, Table, between, counted, images, known, number
from foolscape.report.tables.trust import headline_of, print_verdict, trust

KIND: Final = "harden"


@of_a_run
def print_hardening(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print the tables of the finished hardening in `directory`."""
    summary, slices = _summary(directory), _slices(directory)
    show((*hardening_tables(summary), *(slices.tables if footnotes else slices.worst)), console, footnotes=footnotes)
    print_verdict(summary.trust, console)


@of_a_run
def write_hardening_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the finished hardening in `directory`; the texts by suffix."""
    return write_tables(directory, (*hardening_tables(_summary(directory)), *_slices(directory).tables))


@of_a_run
def write_hardening_report(directory: Path) -> Path:
    """Write report.html of the finished hardening in `directory`; the page's path."""
    summary = _summary(directory)
    record = read_record(directory)
    path = directory / "report.html"
    page = template("harden.html.j2").render(
        summary=summary,
        headline=_headline(summary),
        verdict=headline_of(summary.trust) if summary.trust else None,
        tables=hardening_tables(summary),
        slices=_slices(directory),
        runs=WHEN,
        command=shlex.join(record.command),
        config=json.dumps(record.config, indent=2, ensure_ascii=False),
        version=record.foolscape,
    )
    write_text(path, page)
    return path


def hardening_tables(summary: HardenSummary) -> tuple[Table, ...]:
    """Scores before and after under every condition, the classes, and how the training went."""
    return _scores(summary), _classes(summary), _epochs(summary), *trust(summary.trust)


def _slices(directory: Path) -> SliceBlock:
    """The slices of both runs: each one's worst, and what every slice scored before and after."""
    runs = {when: read_slices(directory / when) for when in WHEN}
    models = [replace(one, model=when) for when, found in runs.items() if found is not None for one in found.models]
    if len(models) < len(WHEN) or (last := runs[WHEN[-1]]) is None:
        return SliceBlock((), ())
    both = replace(last, models=tuple(models))
    return SliceBlock(worst_slices(of_tasks, both), before_and_after(of_tasks, both))


def _scores(summary: HardenSummary) -> Table:
    rows = []
    for when in WHEN:
        measured = _measured(summary, when)
        scores = [score for score in SEGMENTATION.shown(measured.conditions.get(CLEAN, {})) if not score.further]
        for score in scores:
            first = score == scores[0]
            success = Cell(number(measured.success_rate, 1)) if first else Cell("")
            cells = (_score(measured.conditions.get(name, {}), score.key) for name in CONDITIONS)
            rows.append((Cell(when if first else ""), Cell(score.title), *cells, success))
    judge, conventions = summary.judged_by, summary.conventions
    notes = (
        f"Attacked: {judge['name']}, {counted(judge['steps'], 'gradient')} within {judge['eps']}, "
        f"on each network anew; {images(summary.test.samples)} of {summary.test.split}.",
        *(conventions[name] for name in (PERMUTED, NOISE, "success_rate", "eight_bit") if name in conventions),
    )
    remarks = (
        f"The hardened network: {summary.hardened}",
        *(str(summary.conventions[name]) for name in (EVAL_CLASSES,) if name in summary.conventions),
        *(f"Left out, {failure.id}: {failure.reason}" for failure in summary.failures[:3]),
    )
    headers = (Cell("network"), Cell(""), *(Cell(label_of(name)) for name in CONDITIONS), Cell("success %"))
    title = f"{summary.model} before and after"
    return Table("harden", title, headers, tuple(rows), notes, texts=2, remarks=remarks)


def _classes(summary: HardenSummary) -> Table:
    columns = [(when, name) for when in WHEN for name in (CLEAN, ADVERSARIAL)]
    scores = [_measured(summary, when).conditions.get(name, {}).get("per_class", {}) for when, name in columns]
    rows = tuple(
        (Cell(name), *(Cell(number(by_class.get(name), 1)) for by_class in scores))
        for name in scores[0]
        if any(known(by_class.get(name)) is not None for by_class in scores)
    )
    headers = (Cell("class"), *(Cell(label_of(name), (when,)) for when, name in columns))
    return Table("classes", f"{SEGMENTATION.parts.score} by class, %", headers, rows)


def _epochs(summary: HardenSummary) -> Table:
    training, attack = summary.training, summary.trained_on
    epochs = training.epochs
    rows = tuple(
        (Cell(str(number_)), Cell(number(epoch.loss, 3)), Cell(number(epoch.right, 1)))
        for number_, epoch in enumerate(epochs, 1)
    )
    left_out = training.failures
    notes = (
        f"Trained on {attack['name']}, {counted(attack['steps'], 'step')} of {attack['step']} within {attack['eps']}: "
        f"{images(training.images)} of {training.split}, {counted(training.steps, 'step')} of the network.",
        "Right: attacked pixels of the epoch that were still right, before the step on them.",
        *(f"Left out of the training: {images(len(left_out))}; {left_out[0].reason}" for _ in left_out[:1]),
    )
    return Table("epochs", "Training", (Cell("epoch"), Cell("loss"), Cell("right", ("%",))), rows, notes)


def _measured(summary: HardenSummary, when: str) -> HardenedSummary:
    """The network `before` or `after` its training."""
    return summary.before if when == "before" else summary.after


def _score(scores: Scores, key: str) -> Cell:
    return Cell(number(scores.get(key), 1), between(scores.get("ci95", {}).get(key), scores.get(key)))


def _headline(summary: HardenSummary) -> str:
    """The result in a sentence."""

    main = SEGMENTATION.main

    def scored(when: str, condition: str) -> str:
        return number(_measured(summary, when).conditions.get(condition, {}).get(main.key), 1)

    return (
        f"Attacked within {summary.eps}, the hardened network keeps a {main.label} of "
        f"{scored('after', 'adversarial')} percent, the one it was made from {scored('before', 'adversarial')}; on "
        f"clean images {scored('after', 'clean')} and {scored('before', 'clean')}.{_chance(summary)}"
    )


def _chance(summary: HardenSummary) -> str:
    """What must be said where the paired interval of the gain does not lie above 0; empty where it does."""
    reasons = () if summary.trust is None else summary.trust.reasons
    gain = next((reason for reason in reasons if reason.id == "gain"), None)
    if gain is None or gain.ok:
        return ""
    words = "That is no gain beyond chance" if gain.ok is False else "Whether that is a gain is not known"
    return f" {words}: {gain.seen}."


def _summary(directory: Path) -> HardenSummary:
    return read_result(directory, SUMMARY, HardenSummary)
