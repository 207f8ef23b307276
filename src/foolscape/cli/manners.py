"""How a measuring command behaves: where it writes, what it prints, and the exit code that its result deserves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from foolscape.errors import SettingError, UnknownNameError
from foolscape.verdict import Verdict

if TYPE_CHECKING:
    from foolscape.records.summary import Trust


class FailOn(StrEnum):
    """From which verdict on `--fail-on` makes a command fail."""

    DISTRUST = "distrust"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Manners:
    """The options that have no part in what is measured.

    Attributes:
        new: begin a new run even where an unfinished one could go on.
        quiet: print errors, the result and the verdict alone.
        json: the summary goes to standard output, everything else to standard error.
        footnotes: print the conventions below the tables.
        strict: end at the first image, frame or annotation that is left out.
        floors: by score, what must be left of it.
        fail_on: the verdict that is a failure; None: no verdict is.
        dry_run: say what would be done, and do nothing.
        live: keep a page of the progress.
        metrics: a file that Prometheus' node exporter reads, for the progress.
        log: a file for a line of JSON for each thing that happens.
        seconds: the time that the command may take; None: all that it takes.
        retry: images that failed are tried again.
    """

    dry_run: bool = False
    new: bool = False
    quiet: bool = False
    json: bool = False
    footnotes: bool = False
    strict: bool = False
    floors: Mapping[str, float] | None = None
    fail_on: FailOn | None = None
    live: bool = False
    metrics: str | None = None
    log: str | None = None
    seconds: float | None = None
    retry: bool = False


@dataclass(frozen=True)
class AttackedScores:
    """What is left of one model.

    Attributes:
        model: its spec.
        keys: the scores that its task has.
        scores: of the attacked images, or of the clean ones where nothing was attacked; one that is not there, or
            null, is not defined.
    """

    model: str
    keys: Sequence[str]
    scores: Mapping[str, Any]


@dataclass(frozen=True)
class JobOutcome:
    """What came of a command that measures, as far as its exit code goes.

    Attributes:
        attacked: what is left of every model.
        failures: how many images could not be used.
        verdict: whether the figures can be trusted.
        failed: cells of a sweep that could not be measured.
        left: cells of a sweep that its budget does not hold.
    """

    attacked: list[AttackedScores]
    failures: int
    verdict: str
    failed: int = 0
    left: int = 0


def floors_of(text: str | None) -> dict[str, float]:
    """By score, what must be left of it, from `mIoU=40,pixel_accuracy=60`; `SettingError` for anything else."""
    floors: dict[str, float] = {}
    for part in () if text is None else text.split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        try:
            floor = float(value)
        except ValueError:
            floor = math.nan
        if not name or not math.isfinite(floor):
            raise SettingError(f"fail-under: expected SCORE=NUMBER, such as mIoU=40, got {part.strip()!r}")
        if name in floors:
            raise SettingError(f"fail-under: expected each score once, got {name} twice")
        floors[name] = floor
    return floors


def check_floors(floors: Mapping[str, float], keys: Sequence[str]) -> None:
    """`UnknownNameError`, with the scores there are, for a floor of one that none of the models has."""
    for name in floors:
        if name not in keys:
            names = tuple(dict.fromkeys(keys))
            raise UnknownNameError(f"fail-under: expected a score of these models, {', '.join(names)}; got {name!r}")


def below(floors: Mapping[str, float], models: Sequence[AttackedScores]) -> list[str]:
    """What is left of each model that is under its floor, or not defined, in words."""
    sentences = []
    for name, floor in floors.items():
        for one in models:
            if name not in one.keys:
                continue
            value = one.scores.get(name)
            if value is None:
                sentences.append(f"{name} of {one.model} is not defined, expected at least {floor:g}")
            elif value < floor:
                sentences.append(f"{name} of {one.model} is {value:.2f}, expected at least {floor:g}")
    return sentences


def verdict_of(trust: Trust | None) -> str:
    """The verdict of a summary; without any nothing is decided."""
    return str(Verdict.NOT_DECIDED) if trust is None else trust.verdict


def fails(verdict: str, fail_on: FailOn | None) -> bool:
    """Whether a verdict is one to fail on."""
    if fail_on is None:
        return False
    return verdict == Verdict.NOT_TRUSTED or (fail_on is FailOn.UNDECIDED and verdict != Verdict.TRUSTED)
