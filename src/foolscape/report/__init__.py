"""Reports of finished runs: tables for terminal, Markdown and LaTeX, and one self-contained HTML page.

Reads the files of a run directory and nothing else: no model, no GPU, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from foolscape.errors import RunError
from foolscape.report.figures import palette, panel
from foolscape.report.files import read_image, read_labels, read_run, read_summary, write_text
from foolscape.report.html import write_report
from foolscape.report.render import show, to_latex, to_markdown
from foolscape.report.tables import tables

__all__ = ["latex", "markdown", "print_tables", "write_panel", "write_report", "write_texts"]


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
    models = [m for m in run.settings["models"] if model in (None, m["model"])]
    names = [s["name"] for s in run.settings["samples"] if s["id"] == sample]
    if not models or not names:
        raise RunError(
            f"{directory}: expected {sample!r} and {model or 'a model'} in the run, got neither or one of them"
        )
    slug, name = models[0]["slug"], names[0]
    image, attacked = read_image(directory, "clean", name), read_image(directory, "images", slug, name)
    before, after = (read_labels(directory, "predictions", slug, c, name) for c in ("clean", "adversarial"))
    if image is None or attacked is None or before is None or after is None:
        raise RunError(f"{directory}: expected the four pictures of {sample!r}, got fewer; were they deleted?")
    colours = palette(models[0]["colours"], len(models[0]["classes"]))
    content, factor = panel(image, attacked, before, after, colours, side)
    path = directory / "panel.png"
    path.write_bytes(content)
    return path, factor


def print_tables(directory: Path, console: Console) -> None:
    """Print the tables of the finished run in `directory`; RunError where it has not finished."""
    show(tables(read_summary(directory)), console)


def markdown(summary: Mapping[str, Any]) -> str:
    """The tables of a `summary.json` as GitHub-flavoured Markdown."""
    return to_markdown(tables(summary))


def latex(summary: Mapping[str, Any]) -> str:
    r"""The tables of a `summary.json` as LaTeX; needs \usepackage{booktabs} and a T1 font encoding."""
    return to_latex(tables(summary))


def write_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex beside the page of the finished run in `directory`; the texts by suffix."""
    summary = read_summary(directory)
    texts = {".md": markdown(summary), ".tex": latex(summary)}
    for suffix, text in texts.items():
        write_text(directory / f"report{suffix}", text)
    return texts
