"""The lines of rows.jsonl: which of them count. A row counts with all rows of its sample, and with the files they name.

What does not count is measured again; a damaged line, a lost picture or a changed one costs its sample and no more.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foolscape.disk import digest, read_file
from foolscape.report.files import ROWS

Record = dict[str, Any]
"""A JSON object."""

FAILED: Final = "failed"
"""The condition of a row that says why a sample could not be used."""

FILES: Final = "files"
"""What the first row of a sample says of the files that belong to it: by place below the directory size and sha256."""

LEARNT: Final = "learnt"
"""The same of the file that holds what an attack had learnt after this sample. It goes when later ones are there."""

_SHOWN: Final = 3
"""Losses that are told one by one."""

Key = tuple[str | None, str]
"""The model and the id of a sample."""


@dataclass(frozen=True)
class Line:
    """A line that can be read."""

    text: str
    row: Record

    @property
    def key(self) -> Key:
        """Of its sample."""
        return self.row["model"], self.row["id"]


@dataclass(frozen=True)
class Kept:
    """What counts of rows.jsonl.

    Attributes:
        lines: those that count, in their order.
        lost: why others do not, a sentence each; rows that a kill has left incomplete are not among them.
        whole: whether every line counts.
    """

    lines: tuple[Line, ...]
    lost: tuple[str, ...]
    whole: bool


def read_rows(directory: Path) -> bytes:
    """The content of rows.jsonl; empty if there is none. Raises `OSError`."""
    try:
        return read_file(directory / ROWS)
    except FileNotFoundError:
        return b""


def read_whole_rows(directory: Path, conditions: Collection[str] | None = None) -> list[Record]:
    """The rows of samples that are wholly there, of a run that may be at work: nothing is cut off, no file looked at.

    Args:
        directory: of the run.
        conditions: of a complete sample; None: whole lines are enough.
    """
    lines, _ = _parsed(read_rows(directory))
    if conditions is not None:
        lines = _complete(lines, conditions)
    return [line.row for line in lines]


def keep_rows(directory: Path, conditions: Collection[str], order: Sequence[str]) -> Kept:
    """What counts of rows.jsonl in `directory`.

    Args:
        directory: of the run.
        conditions: of a complete sample.
        order: ids of the run's samples; an attack that learns from sample to sample goes by it.
    """
    content = read_rows(directory)
    parsed, damaged = _parsed(content)
    lines = _complete(parsed, conditions)
    faults = _faults(directory, lines)
    lines = [line for line in lines if line.key not in faults]
    lines, unlearnt = _learnt(directory, lines, order)
    lost = (*damaged, *_told(faults), *unlearnt)
    return Kept(tuple(lines), lost, not lost and len(lines) == len(parsed))


def _parsed(content: bytes) -> tuple[list[Line], list[str]]:
    """The lines that are rows, and what is wrong with the others."""
    lines, damaged = [], []
    # Not splitlines: an id or a reason may hold U+2028.
    *whole, torn = content.split(b"\n")
    for number, line in enumerate(whole, 1):
        try:
            lines.append(Line(line.decode(), _row(line)))
        except (ValueError, RecursionError) as error:
            damaged.append(f"{ROWS}, line {number}: {_short(error)}")
    return lines, [*damaged, *([f"{ROWS}, line {len(whole) + 1}: it breaks off"] if torn else [])]


def _row(line: bytes) -> Record:
    """The row in `line`; raises `ValueError` for anything else."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"expected a JSON object, got {type(row).__name__}")
    said: dict[str, Any] = {"id": str, "condition": str, "model": str | None}
    if row.get("condition") == FAILED:
        said["reason"] = str
    for key, kind in said.items():
        if key not in row or not isinstance(row[key], kind):
            raise ValueError(f"expected {key} of a sample, got {row.get(key)!r}"[:100])
    return row


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _complete(lines: Sequence[Line], conditions: Collection[str]) -> list[Line]:
    """The lines of samples with one row for each of the `conditions`, or one that says why not."""
    seen: dict[Key, list[str]] = {}
    for line in lines:
        seen.setdefault(line.key, []).append(line.row["condition"])
    whole = {key for key, found in seen.items() if sorted(found) in ([FAILED], sorted(conditions))}
    return [line for line in lines if line.key in whole]


def _faults(directory: Path, lines: Sequence[Line]) -> dict[Key, str]:
    """What is wrong with the files that belong to a sample, where something is."""
    looked: dict[str, str] = {}
    found: dict[Key, str] = {}
    for line in lines:
        for place, fault in _of_files(directory, line.row.get(FILES, {}), looked):
            if fault:
                found.setdefault(line.key, f"{place} {fault}")
    return found


def _of_files(directory: Path, named: object, looked: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every file that is named, and what is wrong with it; several models share the clean images."""
    if not isinstance(named, Mapping):
        yield FILES, "are not named as they should be"
        return
    for place, said in named.items():
        about = f"{place} {said}"
        if about not in looked:
            looked[about] = _fault(directory, place, said)
        yield place, looked[about]


def _fault(directory: Path, place: str, said: object) -> str:
    """What is wrong with a file; empty where it is as it was written."""
    path = directory / place
    if Path(place).is_absolute() or ".." in Path(place).parts:
        return "is named, which is outside the run"
    try:
        content = read_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    except (OSError, ValueError) as error:
        return f"cannot be read ({getattr(error, 'strerror', None) or error})"
    if digest(content) == said:
        return ""
    return "has changed" if content else "is empty"


def _told(faults: Mapping[Key, str]) -> list[str]:
    said = [f"{name}{f' on {model}' if model else ''}: {fault}" for (model, name), fault in faults.items()]
    more = len(said) - _SHOWN
    return said if more <= 0 else [*said[:_SHOWN], f"and {more} more like these"]


def _learnt(directory: Path, lines: Sequence[Line], order: Sequence[str]) -> tuple[list[Line], list[str]]:
    """The lines without those of samples that must be attacked again since what was learnt before them is gone.

    Such an attack begins each sample with what it has learnt from those before it, so that a gap makes all behind it
    another attack; and it can go on only from a state that is there.
    """
    place = {name: i for i, name in enumerate(order)}
    settled: dict[str | None, set[str]] = {}
    for line in lines:
        settled.setdefault(line.row["model"], set()).add(line.row["id"])
    gone: set[Key] = set()
    told = []
    for model in {line.row["model"] for line in lines if LEARNT in line.row}:
        done = settled[model] | settled.get(None, set())
        gap = next((i for i, name in enumerate(order) if name not in done), len(order))
        chain = sorted(
            (line for line in lines if line.row["model"] == model and LEARNT in line.row),
            key=lambda line: place.get(line.row["id"], len(order)),
        )
        while chain and (place.get(chain[-1].row["id"], len(order)) >= gap or _state(directory, chain[-1])):
            gone.add(chain.pop().key)
        if again := [key for key in gone if key[0] == model]:
            told.append(f"{len(again)} samples on {model}: what was learnt before them is gone")
    return [line for line in lines if line.key not in gone], told


def _state(directory: Path, line: Line) -> str:
    """What is wrong with the file of what was learnt; empty where nothing is."""
    return next((fault for _, fault in _of_files(directory, line.row[LEARNT], {}) if fault), "")
