"""A neutral `Table` as terminal, Markdown or LaTeX text; names come from users, so each format escapes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from foolscape.printable import printable
from foolscape.report.files import write_text
from foolscape.report.tables.table import DASH, TIMES, Cell, Table

_MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_LATEX: Final[dict[str, str]] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # A bracket after \\ would be read as its optional argument.
    "[": "{[}",
    "]": "{]}",
    DASH: "--",
    "\N{MINUS SIGN}": "$-$",
    TIMES: r"$\times$",
    "⁻": "$^{-}$",
    "³": "$^{3}$",
}


def show(tables: Sequence[Table], console: Console, *, footnotes: bool = False) -> None:
    """Print tables to a terminal; they fit 80 columns, model names stand on lines of their own.

    Below each stand its remarks, and its footnotes if these are wanted.
    """
    for table in tables:
        console.print()
        console.print(Text(printable(table.title), style="bold underline"))
        console.print()
        if table.named:
            _show_by_model(table, console)
        else:
            console.print(_grid(table.headers, table.rows, table.texts))
        for note in table.remarks + (table.notes if footnotes else ()):
            console.print(Padding(Text(printable(note), style="dim"), (0, 0, 0, 2)))


def to_markdown(tables: Sequence[Table]) -> str:
    """Tables as GitHub-flavoured Markdown, notes as a list below each."""
    blocks = []
    for table in tables:
        rule = ["---" if position < table.texts else "---:" for position in range(len(table.headers))]
        lines = [_markdown_row(table.headers), f"| {' | '.join(rule)} |", *(_markdown_row(row) for row in table.rows)]
        notes = [f"- {_markdown(note)}" for note in (*table.remarks, *table.notes)]
        blocks.append("\n".join([f"### {_markdown(table.title)}", "", *lines, "", *notes]).rstrip())
    return "\n\n".join(blocks) + "\n"


def to_latex(tables: Sequence[Table]) -> str:
    r"""Tables as LaTeX floats; needs \usepackage{booktabs} and a T1 font encoding."""
    return "\n\n".join(_latex_table(table) for table in tables) + "\n"


def write_tables(directory: Path, tables: Sequence[Table]) -> dict[str, str]:
    """Write report.md and report.tex to `directory`; the texts by suffix."""
    texts = {".md": to_markdown(tables), ".tex": to_latex(tables)}
    for suffix, text in texts.items():
        write_text(directory / f"report{suffix}", text)
    return texts


def _latex_table(table: Table) -> str:
    columns = "l" * table.texts + "r" * (len(table.headers) - table.texts)
    sentences = " ".join(_latex(note) for note in (*table.remarks, *table.notes))
    caption = ". ".join([_latex(table.title), sentences]).rstrip(". ") + "."
    label = re.sub(r"[^A-Za-z0-9-]", "-", table.name)
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            f"  \\caption{{{caption}}}",
            f"  \\label{{tab:{label}}}",
            f"  \\begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            f"    {_latex_row(table.headers)}",
            r"    \midrule",
            *(f"    {_latex_row(row)}" for row in table.rows),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
    )


def _show_by_model(table: Table, console: Console) -> None:
    """The columns behind the first, and the name of every model on a line above its rows."""
    headers, texts = table.headers[1:], table.texts - 1
    widths = tuple(_width(table, column) for column in range(1, len(table.headers)))
    console.print(_grid(headers, (), texts, widths))
    for number, row in enumerate(table.rows):
        if row[0].value:
            if number:
                console.print()
            name = Text(printable(row[0].value), style="bold", overflow="fold")
            console.print(name.append("".join(f", {printable(line)}" for line in row[0].detail), style="not bold dim"))
        console.print(_grid(headers, (row[1:],), texts, widths, headless=True))


def _grid(
    headers: Sequence[Cell],
    rows: Sequence[Sequence[Cell]],
    texts: int,
    widths: Sequence[int] | None = None,
    *,
    headless: bool = False,
) -> RichTable:
    """Cells in columns, the first `texts` of them words; `widths` in letters, else as wide as they need to be."""
    grid = RichTable(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False, show_header=not headless
    )
    for position, header in enumerate(headers):
        words = position < texts
        grid.add_column(
            _heading(header),
            justify="left" if words else "right",
            overflow="fold",
            no_wrap=not words,
            width=None if widths is None else widths[position],
        )
    for row in rows:
        grid.add_row(*map(_text, row))
    return grid


def _width(table: Table, column: int) -> int:
    """The letters of the longest line in a column."""
    header = table.headers[column]
    below = (line for row in table.rows for line in (row[column].value, *row[column].detail))
    return max(map(len, (*_lines(header), *header.detail, *below)))


def _lines(header: Cell) -> list[str]:
    """The name of a column on as many lines as it has parts: numbers are narrower than it."""
    return printable(header.value).replace(", ", ",\n").split("\n")


def _heading(header: Cell) -> Text:
    return _text(header, "\n".join(_lines(header)))


def _text(cell: Cell, value: str | None = None) -> Text:
    # Text objects, not strings: rich would read "[red]" in a name as markup.
    text = Text(printable(cell.value) if value is None else value)
    for line in cell.detail:
        text.append(f"\n{printable(line)}", style="not bold dim")
    return text


def _markdown(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", printable(text))


def _markdown_row(row: Sequence[Cell]) -> str:
    texts = [f"{cell.value} ({', '.join(cell.detail)})" if cell.detail else cell.value for cell in row]
    return f"| {' | '.join(_markdown(text) for text in texts)} |"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in printable(text))


def _latex_row(row: Sequence[Cell]) -> str:
    cells = []
    for cell in row:
        small = f" {{\\scriptsize ({_latex(', '.join(cell.detail))})}}" if cell.detail else ""
        cells.append(_latex(cell.value) + small)
    return " & ".join(cells) + r" \\"
