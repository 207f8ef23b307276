"""A planted case, what became of it, and the tables of counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

NAMED, CAUGHT, OPEN, TRUSTED = "named", "caught", "not decided", "trusted"
VERDICTS: Final = (NAMED, CAUGHT, OPEN, TRUSTED)
"""Not trusted for the right reason; for another one; not decided; trusted."""

SOUND: Final = ("sound", "strong attack")
"""Kinds of cases that nothing is wrong with."""


@dataclass(frozen=True)
class Case:
    """One case and what became of it.

    Attributes:
        kind: fed, read, both, sound, weak attack, strong attack.
        model: slug of the network.
        mistake: what was done to it.
        group: which images.
        verdict: one of `VERDICTS`.
        seen: what the reason says.
    """

    kind: str
    model: str
    mistake: str
    group: int
    verdict: str
    seen: str


def table(cases: Sequence[Case], by: Callable[[Case], tuple[str, ...]], head: Sequence[str]) -> str:
    """Counts as Markdown, one row for each value of `by`, whose parts `head` names."""
    lines = ["| " + " | ".join([*head, "cases", *VERDICTS]) + " |", "|" + " --- |" * len(head) + " ---: |" * 5]
    for value in dict.fromkeys(map(by, cases)):
        counts = Counter(case.verdict for case in cases if by(case) == value)
        lines.append("| " + " | ".join([*value, str(counts.total()), *(str(counts[name]) for name in VERDICTS)]) + " |")
    return "\n".join(lines)


def rates(cases: Sequence[Case]) -> Mapping[str, str]:
    """How many broken cases are missed and how many sound ones are accused, with the counts behind them."""
    broken = [case for case in cases if case.kind not in SOUND]
    sound = [case for case in cases if case.kind in SOUND]
    wanted = {
        "missed (trusted)": (broken, TRUSTED),
        "broken and not decided": (broken, OPEN),
        "broken and caught for another reason": (broken, CAUGHT),
        "false alarms (sound, not trusted)": (sound, NAMED),
        "sound and not decided": (sound, OPEN),
    }
    found = {}
    for what, (of, verdict) in wanted.items():
        count = sum(case.verdict == verdict for case in of)
        found[what] = f"{count} of {len(of)}" + (f", {count / len(of):.1%}" if of else "")
    return found
