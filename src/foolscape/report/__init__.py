"""Reports of finished runs: tables for terminal, Markdown and LaTeX, and one self-contained HTML page.

Reads the files of a run directory and nothing else: no model, no GPU, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from foolscape.report.files import read_summary, write_text
from foolscape.report.html import write_report
from foolscape.report.render import show, to_latex, to_markdown
from foolscape.report.tables import tables

__all__ = ["latex", "markdown", "print_tables", "write_report", "write_texts"]


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
