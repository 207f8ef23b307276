"""Reports of finished runs: tables for terminal, Markdown and LaTeX, and one self-contained HTML page.

Reads the files of a run directory and nothing else: no model, no GPU, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from foolscape.disk import write_file
from foolscape.errors import RunError
from foolscape.records.reader import read_record, read_run, read_slices, read_summary
from foolscape.records.summary import RunSummary
from foolscape.records.timings import times_of
from foolscape.records.types import read
from foolscape.report.form import of_a_run
from foolscape.report.pages.run import write_report
from foolscape.report.pictures.figures import panel
from foolscape.report.pictures.gallery import pictures as drawn
from foolscape.report.pictures.gallery import views
from foolscape.report.tables.render import show, to_latex, to_markdown, write_tables
from foolscape.report.tables.run import tables as tables_of
from foolscape.report.tables.slices import of_run, slice_tables, worst_slices
from foolscape.report.tables.trust import print_verdict
from foolscape.report.task import report_of

__all__ = ["latex", "markdown", "print_tables", "write_panel", "write_report", "write_texts"]


@of_a_run
def write_panel(directory: Path, sample: str, model: str | None = None, side: int = 512) -> tuple[Path, float]:
    """Write `panel.png` for one image of a finished run: six pictures that tell what the attack did.

    Args:
        directory: of the run.
        sample: id of the image.
        model: spec of a model of the run; None: the first.
        side: longer side of each picture in pixels.

    Returns:
        The path, and the factor by which the perturbation is magnified.

    Raises:
        RunError: no such image or model in the run, or its files were not kept.
    """
    run = read_run(directory)
    models = [m for m in run.record.models if model in (None, m.model)]
    seen = views(directory, run.rows, models[0], run.record.attack, run.record.layout) if models else []
    matching = [view for view in seen if view.judged.id == sample]
    if not matching or not matching[0].attacked:
        raise RunError(
            f"{directory}: expected {sample!r} attacked with {model or 'a model'}, got no such image. Name one that is "
            "in rows.jsonl as adversarial."
        )
    in_middle = report_of(run.summary.task).drawing.truth_in_panel
    six = drawn(matching[0], side, truth=in_middle)
    pixels = [picture.pixels for picture in six.pictures if picture.pixels is not None]
    if len(pixels) < len(six.pictures) or six.factor is None:
        kept = run.record.kept
        why = (
            "were they deleted?"
            if kept == "all"
            else f"the run keeps {kept}: the same command with --keep all makes them"
        )
        raise RunError(f"{directory}: expected every picture of {sample!r}, got fewer; {why}")
    return write_file(directory, "panel.png", panel(pixels[:3], pixels[3:])), six.factor


@of_a_run
def print_tables(directory: Path, console: Console, *, footnotes: bool = False) -> None:
    """Print the tables of the finished run in `directory`; RunError where it has not finished."""
    summary = read_summary(directory)
    slices = None if summary.unfinished else read_slices(directory)
    of_slices = slice_tables(of_run(summary), slices) if footnotes else worst_slices(of_run(summary), slices)
    show((*tables_of(summary, times_of(directory, read_record(directory))), *of_slices), console, footnotes=footnotes)
    print_verdict(summary.trust, console)


def markdown(summary: Mapping[str, Any]) -> str:
    """The tables of a `summary.json` as GitHub-flavoured Markdown; ValueError where it is none."""
    return to_markdown(tables_of(read(RunSummary, summary)))


def latex(summary: Mapping[str, Any]) -> str:
    r"""The tables of a `summary.json` as LaTeX; needs \usepackage{booktabs} and a T1 font encoding."""
    return to_latex(tables_of(read(RunSummary, summary)))


@of_a_run
def write_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex beside the page of the finished run in `directory`; the texts by suffix."""
    summary = read_summary(directory)
    slices = None if summary.unfinished else read_slices(directory)
    tables = (*tables_of(summary, times_of(directory, read_record(directory))), *slice_tables(of_run(summary), slices))
    return write_tables(directory, tables)
