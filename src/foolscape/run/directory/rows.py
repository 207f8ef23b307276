"""The lines of rows.jsonl: which of them count. A row counts with all rows of its sample, and with the files they name.

What does not count is measured again; a damaged line, a lost picture or a changed one costs its sample and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.disk import digest, read_file
from foolscape.records.row import Line
from foolscape.records.rows import Key, Written, complete, forms_of, parsed, read_content, with_truths
from foolscape.records.run import AnyRecord
from foolscape.records.types import FileHash
from foolscape.run.directory.keeping import Shown, by_sample, must_be_there

_SHOWN: Final = 3
"""Losses that are told one by one."""


@dataclass(frozen=True)
class KeptRows:
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


def keep_rows(directory: Path, conditions: Collection[str], record: AnyRecord, shown: Shown) -> KeptRows:
    """What counts of rows.jsonl in `directory`.

    Args:
        directory: of the run.
        conditions: of a complete sample.
        record: run.json; an attack that learns from sample to sample goes by the order of its samples.
        shown: gets the samples that count, and says which of their pictures must be there.
    """
    forms = forms_of(record)
    there, damaged = parsed(read_content(directory), forms)
    lines = complete(there, conditions)
    rows, faults = with_truths(directory, [line.line for line in lines], forms)
    lines = [Written(one.text, row) for one, row in zip(lines, rows, strict=True)]
    needed = must_be_there(record, _ranked(shown, lines, faults))
    gone = _faults(directory, lines, needed)
    faults = gone | {key: fault for key, fault in faults.items() if key not in gone}
    lines = [line for line in lines if line.key not in faults]
    lines, unlearnt = _learnt(directory, lines, [sample.id for sample in record.samples])
    shown.rankings.clear()
    _ranked(shown, lines, {})
    lost = (*damaged, *_sentences(faults), *unlearnt)
    whole = not lost and len(lines) == len(there)
    return KeptRows(tuple(line.text for line in lines), tuple(line.line for line in lines), lost, whole)


def _ranked(shown: Shown, lines: Sequence[Written], faults: Collection[Key]) -> Shown:
    """`shown`, with the samples of `lines` but those that have `faults`."""
    for rows in by_sample(line.line for line in lines if line.key not in faults):
        shown.add(rows)
    return shown


def _faults(directory: Path, lines: Sequence[Written], needed: Callable[[str], bool]) -> dict[Key, str]:
    """What is wrong with the files that belong to a sample and are `needed`, where something is."""
    checked: dict[str, str] = {}
    faults: dict[Key, str] = {}
    for line in lines:
        files = {place: expected for place, expected in line.line.files.items() if needed(place)}
        for place, fault in _of_files(directory, files, checked):
            if fault:
                faults.setdefault(line.key, f"{place} {fault}")
    return faults


def _of_files(directory: Path, hashes: Mapping[str, FileHash], checked: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every file that is named, and what is wrong with it; several models share the clean images."""
    for place, expected in hashes.items():
        about = f"{place} {expected}"
        if about not in checked:
            checked[about] = _fault(directory, place, expected)
        yield place, checked[about]


def _fault(directory: Path, place: str, expected: FileHash) -> str:
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
    if digest(content) == expected:
        return ""
    return "has changed" if content else "is empty"


def _sentences(faults: Mapping[Key, str]) -> list[str]:
    sentences = [f"{name}{f' on {model}' if model else ''}: {fault}" for (model, name), fault in faults.items()]
    more = len(sentences) - _SHOWN
    return sentences if more <= 0 else [*sentences[:_SHOWN], f"and {more} more like these"]


def _learnt(directory: Path, lines: Sequence[Written], order: Sequence[str]) -> tuple[list[Written], list[str]]:
    """The lines without those of samples that must be attacked again since what was learnt before them is gone.

    Such an attack begins each sample with what it has learnt from those before it, so that a gap makes all behind it
    another attack; and it can go on only from a state that is there.
    """
    place = {name: i for i, name in enumerate(order)}
    recorded: dict[str | None, set[str]] = {}
    for line in lines:
        recorded.setdefault(line.line.model, set()).add(line.line.id)
    gone: set[Key] = set()
    reasons = []
    for model in {line.line.model for line in lines if line.line.learnt}:
        ids = recorded[model] | recorded.get(None, set())
        gap = next((i for i, name in enumerate(order) if name not in ids), len(order))
        chain = sorted(
            (line for line in lines if line.line.model == model and line.line.learnt),
            key=lambda line: place.get(line.line.id, len(order)),
        )
        while chain and (place.get(chain[-1].line.id, len(order)) >= gap or _state(directory, chain[-1])):
            gone.add(chain.pop().key)
        if again := [key for key in gone if key[0] == model]:
            reasons.append(f"{len(again)} samples on {model}: what was learnt before them is gone")
    return [line for line in lines if line.key not in gone], reasons


def _state(directory: Path, line: Written) -> str:
    """What is wrong with the file of what was learnt; empty where nothing is."""
    return next((fault for _, fault in _of_files(directory, line.line.learnt, {}) if fault), "")
