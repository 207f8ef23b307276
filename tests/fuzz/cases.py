"""What a family of mutated inputs is, and what counts as a fault of the code that reads them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

FINE, REFUSED, SKIPPED = "fine", "refused", "skipped"
TRACEBACK, HANG, SILENT = "traceback", "hang", "silent"
OUTCOMES = (FINE, REFUSED, SKIPPED, TRACEBACK, HANG, SILENT)
"""Read as before; refused by an error for people; read, with what was lost said; the last three are faults."""
FAULTS = (TRACEBACK, HANG, SILENT)


@dataclass(frozen=True)
class Mutation:
    """What was done to an input.

    Attributes:
        what: in words.
        legit: the result may be a sound input with another meaning; else nothing may change without a word.
    """

    what: str
    legit: bool = True


@dataclass(frozen=True)
class Found:
    """What was read.

    Attributes:
        totals: how many there are of each thing; every one that the input holds is among them, or said to be lost.
        facts: all else that is measured.
        said: notes, and the reasons of what was left out.
    """

    totals: tuple[int, ...]
    facts: Hashable = None
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A kind of input.

    Attributes:
        name: of the family.
        make: writes a sound input into an empty folder.
        mutate: changes the input in a folder.
        read: reads it as a run does; a `FoolscapeError` refuses it.
        held: the totals that an input holds, counted without the code that is tried; None where they cannot be told.
        weight: how many cases of other families one costs.
    """

    name: str
    make: Callable[[Path], None]
    mutate: Callable[[Random, Path], Mutation]
    read: Callable[[Path], Found]
    held: Callable[[Path], tuple[int, ...] | None] = lambda _: None
    weight: int = 1


@dataclass(frozen=True)
class Verdict:
    """What became of one case.

    Attributes:
        family, index: which.
        outcome: one of `OUTCOMES`.
        what: the mutation.
        detail: the error, the notes, or what changed.
    """

    family: str
    index: int
    outcome: str
    what: str = ""
    detail: str = ""


def judge(sound: Found, found: Found, mutation: Mutation, held: tuple[int, ...] | None) -> tuple[str, str]:
    """Outcome and detail of an input that was read.

    Args:
        sound: what is read of the input before the mutation.
        found: what is read of it after.
        mutation: what was done.
        held: the totals that it holds after the mutation; None: unknown.
    """
    new = [note for note in found.said if note not in sound.said]
    if new:
        return SKIPPED, "; ".join(new)
    wanted = held if mutation.legit else sound.totals
    if wanted is not None and found.totals != wanted:
        return SILENT, f"totals {wanted} became {found.totals}"
    if not mutation.legit and found.facts != sound.facts:
        return SILENT, f"{sound.facts!r:.300} became {found.facts!r:.300}"
    return FINE, ""


def table(verdicts: Sequence[Verdict]) -> str:
    """A line for each family: its cases, and how many of each outcome."""
    names = list(dict.fromkeys(verdict.family for verdict in verdicts))
    rows = [("family", "cases", *OUTCOMES)]
    for name in [*names, "all"]:
        own = [verdict.outcome for verdict in verdicts if name in (verdict.family, "all")]
        rows.append((name, str(len(own)), *(str(own.count(outcome)) for outcome in OUTCOMES)))
    return "\n".join(f"{row[0]:<14}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows)
