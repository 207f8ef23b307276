"""The lines of rows.jsonl: which of them count. A row counts with all rows of its sample, and with the files they name.

What does not count is measured again; a damaged line, a lost picture or a changed one costs its sample and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.disk import digest, read_file
from foolscape.records.row import Line
from foolscape.records.rows import Forms, Key, Written, complete, parsed, read_content, with_truths
from foolscape.records.types import FileHash

_SHOWN: Final = 3
"""Losses that are told one by one."""


@dataclass(frozen=True)
class Kept:
    """What counts of rows.jsonl.

    Attributes:
        texts: the lines that count, in their order, as they stand in the file.
        lines: what they say.
        lost: why others do not, a sentence each; rows that a kill has left incomplete are not among them.
        whole: whether every line counts.
    """

    texts: tuple[str, ...]
    lines: tuple[Line, ...]
    lost: tuple[str, ...]
    whole: bool


def keep_rows(directory: Path, conditions: Collection[str], order: Sequence[str], forms: Forms) -> Kept:
    """What counts of rows.jsonl in `directory`.

    Args:
        directory: of the run.
        conditions: of a complete sample.
        order: ids of the run's samples; an attack that learns from sample to sample goes by it.
        forms: of the rows.
    """
    there, damaged = parsed(read_content(directory), forms)
    lines = complete(there, conditions)
    faults = _faults(directory, lines)
    lines = [line for line in lines if line.key not in faults]
    rows, untrue = with_truths(directory, [line.line for line in lines], forms)
    faults |= untrue
    lines = [Written(one.text, row) for one, row in zip(lines, rows, strict=True) if one.key not in faults]
    lines, unlearnt = _learnt(directory, lines, order)
    lost = (*damaged, *_told(faults), *unlearnt)
    whole = not lost and len(lines) == len(there)
    return Kept(tuple(line.text for line in lines), tuple(line.line for line in lines), lost, whole)


def _faults(directory: Path, lines: Sequence[Written]) -> dict[Key, str]:
    """What is wrong with the files that belong to a sample, where something is."""
    looked: dict[str, str] = {}
    found: dict[Key, str] = {}
    for line in lines:
        for place, fault in _of_files(directory, line.line.files, looked):
            if fault:
                found.setdefault(line.key, f"{place} {fault}")
    return found


def _of_files(directory: Path, named: Mapping[str, FileHash], looked: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every file that is named, and what is wrong with it; several models share the clean images."""
    for place, said in named.items():
        about = f"{place} {said}"
        if about not in looked:
            looked[about] = _fault(directory, place, said)
        yield place, looked[about]


def _fault(directory: Path, place: str, said: FileHash) -> str:
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


def _learnt(directory: Path, lines: Sequence[Written], order: Sequence[str]) -> tuple[list[Written], list[str]]:
    """The lines without those of samples that must be attacked again since what was learnt before them is gone.

    Such an attack begins each sample with what it has learnt from those before it, so that a gap makes all behind it
    another attack; and it can go on only from a state that is there.
    """
    place = {name: i for i, name in enumerate(order)}
    settled: dict[str | None, set[str]] = {}
    for line in lines:
        settled.setdefault(line.line.model, set()).add(line.line.id)
    gone: set[Key] = set()
    told = []
    for model in {line.line.model for line in lines if line.line.learnt}:
        done = settled[model] | settled.get(None, set())
        gap = next((i for i, name in enumerate(order) if name not in done), len(order))
        chain = sorted(
            (line for line in lines if line.line.model == model and line.line.learnt),
            key=lambda line: place.get(line.line.id, len(order)),
        )
        while chain and (place.get(chain[-1].line.id, len(order)) >= gap or _state(directory, chain[-1])):
            gone.add(chain.pop().key)
        if again := [key for key in gone if key[0] == model]:
            told.append(f"{len(again)} samples on {model}: what was learnt before them is gone")
    return [line for line in lines if line.key not in gone], told


def _state(directory: Path, line: Written) -> str:
    """What is wrong with the file of what was learnt; empty where nothing is."""
    return next((fault for _, fault in _of_files(directory, line.line.learnt, {}) if fault), "")
