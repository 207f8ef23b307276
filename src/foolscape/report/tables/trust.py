"""The verdict as pages, tables and the terminal's last lines say it, and the reasons for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from foolscape.printable import printable
from foolscape.records.summary import ReasonRecord, Trust
from foolscape.report.tables.table import Cell, Table
from foolscape.verdict import ANSWERS, Verdict, ends_in_command

_TONES: Final = {Verdict.TRUSTED: "good", Verdict.NOT_TRUSTED: "bad", Verdict.NOT_DECIDED: "open"}
_STYLES: Final = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}


@dataclass(frozen=True)
class Doubt:
    """A check that keeps figures from being trusted: whose it is (empty if there is one model), and what to do."""

    model: str
    check: str
    answer: str
    seen: str
    advice: str


@dataclass(frozen=True)
class Headline:
    """The verdict in a line, and below it what speaks against trusting the figures.

    Attributes:
        word: the verdict.
        tone: good, bad or open, for colours.
        text: the verdict with what it rests on.
        points: checks that failed; if none did, those that are open.
    """

    word: str
    tone: str
    text: str
    points: tuple[Doubt, ...]


def headline_of(trust: Trust) -> Headline:
    """The verdict as summaries hold it."""
    word = Verdict(trust.verdict)
    several = len({reason.model for reason in trust.reasons}) > 1
    largest = list(trust.bounds)[-1] if trust.bounds else ""
    reasons = [reason for reason in trust.reasons if not largest or reason.bound in ("", largest)]
    open_reasons = [reason for reason in reasons if reason.ok is False] or [
        reason for reason in reasons if reason.ok is None and not reason.assumed
    ]
    points = tuple(
        Doubt(reason.model if several else "", reason.check, ANSWERS[reason.ok], reason.seen, reason.advice)
        for reason in open_reasons
    )
    rests = f", if {' and '.join(trust.conditions)}" if word is Verdict.TRUSTED and trust.conditions else ""
    return Headline(str(word), _TONES[word], f"{word}{rests}{_within(trust.bounds)}", points)


def _within(bounds: Mapping[str, str]) -> str:
    """Where the verdict is that at the largest of several bounds: which that is, and what it is at the others."""
    *smaller, largest = bounds or ("",)
    if not smaller:
        return ""
    return f", within {largest} ({', '.join(f'{bound}: {bounds[bound]}' for bound in smaller)})"


def print_verdict(trust: Trust | None, console: Console) -> None:
    """The terminal's last lines: the verdict, and what speaks against it; nothing for runs recorded without one."""
    if trust is None:
        return
    headline = headline_of(trust)
    console.print()
    console.print(Text.assemble("Can this be trusted? ", (headline.text, _STYLES[headline.tone])))
    for point in headline.points:
        whose = f"{point.model}: " if point.model else ""
        console.print(Padding(Text(printable(f"{whose}{point.check}? {point.answer}: {point.seen}")), (0, 0, 0, 2)))
        if point.advice:
            advice = Text(printable(point.advice), style="dim")
            # A command is one line, to be pasted.
            command = ends_in_command(point.advice)
            console.print(Text("    ") + advice if command else Padding(advice, (0, 0, 0, 4)), soft_wrap=command)


def trust(verdict: Trust | None, names: Mapping[str, str] = MappingProxyType({})) -> tuple[Table, ...]:
    """Every reason of the verdict, by model; empty where nothing was judged.

    Args:
        verdict: the verdict.
        names: of the models, by slug; one that has none here is called by its slug.
    """
    if verdict is None or not verdict.reasons:
        return ()
    headers = (Cell("model"), Cell("check"), Cell("what was seen"))
    notes = (f"Verdict: {headline_of(verdict).text}.",)
    rows = tuple(_rows(verdict.reasons, names))
    return (Table("trust", "Can this be trusted?", headers, rows, notes, texts=3, named=True),)


def _rows(reasons: Iterable[ReasonRecord], names: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """A row for each reason; the model's name stands in the first of its own."""
    last: object = None
    for reason in reasons:
        name = names.get(reason.model, reason.model)
        first = Cell("" if name == last else name)
        last = name
        advice = (reason.advice,) if reason.advice else ()
        bound = (f"within {reason.bound}",) if reason.bound else ()
        yield first, Cell(reason.check, bound), Cell(f"{ANSWERS[reason.ok]}: {reason.seen}", advice)
