"""The lines of rows.jsonl: which of them count. A row counts with all rows of its sample, and with the files they name.

What does not count is measured again; a damaged line, a lost picture or a changed one costs its sample and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.carriers import size_there
from foolscape.disk import digest, read_file
from foolscape.records.conditions import CLEAN
from foolscape.records.places import is_picture
from foolscape.records.row import Line, reasons_of
from foolscape.records.rows import Key, forms_of, with_truths
from foolscape.records.run import AnyRecord
from foolscape.records.scan import Scan, scan
from foolscape.records.stored import StoredRows
from foolscape.records.types import FileHash, Files
from foolscape.run.directory.keeping import Shown
from foolscape.strict import is_strict

_SHOWN: Final = 3
"""Losses that are told one by one."""


@dataclass(frozen=True)
class KeptRows:
    """What counts of rows.jsonl.

    Attributes:
        found: the samples that count, and where they stand.
        lost: why others do not, a sentence each; rows that a kill has left incomplete are not among them.
        whole: whether every line counts, and those of each sample stand together.
        left_out: the first thing that was left out, by a line that counts; empty for none.
    """

    found: Scan
    lost: tuple[str, ...]
    whole: bool
    left_out: str = ""

    @property
    def rows(self) -> StoredRows:
        """The samples that count."""
        return self.found.rows


def keep_rows(directory: Path, conditions: Collection[str], record: AnyRecord, shown: Shown) -> KeptRows:
    """What counts of rows.jsonl in `directory`.

    Args:
        directory: of the run.
        conditions: of a complete sample.
        record: run.json; an attack that learns from sample to sample goes by the order of its samples.
        shown: gets the samples that count, and says which of their pictures must be there.
    """
    look = _Look(directory, record, shown)
    found = scan(directory, record, look.at)
    lines, there = sum(found.lines.values()), len(found.rows)
    found.complete(conditions)
    faults = {key: fault for key, fault in look.faults.items() if key in found.rows}
    if record.kept == "shown":
        faults |= {key: fault for key, fault in _pictures(directory, shown).items() if key in found.rows}
    found.forget(faults)
    unlearnt = _learnt(found, look.learnt, record)
    lost = (*found.damaged, *_sentences(faults), *unlearnt)
    apart = any(own.apart() for own in found.rows.spans.values())
    whole = not lost and len(found.rows) == there and not apart and lines == look.lines
    if record.kept == "shown" and not whole:
        shown.rankings.clear()
        for model in list(found.rows.spans):
            for sample in found.rows.samples(model):
                shown.add(sample)
    left_out = (one for key, one in look.left_out.items() if key in found.rows)
    return KeptRows(found, lost, whole, next(left_out, ""))


class _Look:
    """What a look at every sample finds: faults of its files and truth, what was left out, what was learnt."""

    def __init__(self, directory: Path, record: AnyRecord, shown: Shown) -> None:
        self._directory, self._shown, self._forms = directory, shown, forms_of(record)
        self._needed = bool if record.kept == "all" else _is_number
        self._checked: dict[str, str] | None = {} if len(record.models) > 1 else None
        self._record = record
        self.faults: dict[Key, str] = {}
        self.learnt: dict[Key, Files] = {}
        self.left_out: dict[Key, str] = {}
        self.lines = 0

    def at(self, key: Key, lines: list[Line]) -> None:
        """Look at all lines of a sample."""
        self.lines += len(lines)
        fault = self._fault(lines)
        found, untrue = with_truths(self._directory, lines, self._forms)
        fault = fault or next(iter(untrue.values()), "")
        self.faults.pop(key, None)
        if fault:
            self.faults[key] = fault
        elif self._record.kept == "shown":
            self._shown.add(found)
        if learnt := {place: one for line in lines for place, one in line.learnt.items()}:
            self.learnt[key] = learnt
        if is_strict() and (reasons := [f"{line.id}: {reason}" for line in lines for reason in reasons_of(line)]):
            self.left_out[key] = reasons[0]

    def _fault(self, lines: Sequence[Line]) -> str:
        for line in lines:
            files = {place: expected for place, expected in line.files.items() if self._needed(place)}
            for place, fault in _of_files(self._directory, files, self._checked):
                if fault:
                    return f"{place} {fault}"
        return ""


def _is_number(place: str) -> bool:
    return not is_picture(place)


def _pictures(directory: Path, shown: Shown) -> dict[Key, str]:
    """What is wrong with the pictures that are to stay."""
    faults: dict[Key, str] = {}
    for view in shown.views:
        row = view.rows[CLEAN]
        for place, fault in _of_files(directory, row.files, None):
            if fault:
                faults.setdefault((row.model, row.id), f"{place} {fault}")
    return faults


def _of_files(
    directory: Path, hashes: Mapping[str, FileHash], checked: dict[str, str] | None
) -> Iterator[tuple[str, str]]:
    """Every file that is named, and what is wrong with it; several models share the clean images (`checked`)."""
    for place, expected in hashes.items():
        about = f"{place} {expected}"
        if checked is None or about not in checked:
            fault = _fault(directory, place, expected)
            if checked is not None:
                checked[about] = fault
        else:
            fault = checked[about]
        yield place, fault


def _fault(directory: Path, place: str, expected: FileHash) -> str:
    """What is wrong with a file; empty where it is as it was written."""
    path = directory / place
    if Path(place).is_absolute() or ".." in Path(place).parts:
        return "is named, which is outside the run"
    if (size := size_there(path)) is not None:  # it is not fetched to be looked at
        return "" if size == expected[0] else "has changed"
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


def _learnt(found: Scan, learnt: Mapping[Key, Files], record: AnyRecord) -> list[str]:
    """Forget the samples that must be attacked again since what was learnt before them is gone; why.

    Such an attack begins each sample with what it has learnt from those before it, so that a gap makes all behind it
    another attack; and it can go on only from a state that is there.
    """
    reasons = []
    directory, order = found.rows.directory, record.order
    for model in dict.fromkeys(model for model, _ in learnt):
        ids = {*found.rows.ids(model), *found.rows.ids(None)}
        gap = next((place for name, place in order.items() if name not in ids), len(order))
        chain = [key for key in learnt if key[0] == model and key[1] in found.rows.spans.get(model, {})]
        chain.sort(key=lambda key: order.get(key[1], len(order)))
        gone = []
        while chain and (order.get(chain[-1][1], len(order)) >= gap or _state(directory, learnt[chain[-1]])):
            gone.append(chain.pop())
        if gone:
            reasons.append(f"{len(gone)} samples on {model}: what was learnt before them is gone")
        found.forget(gone)
    return reasons


def _state(directory: Path, files: Files) -> str:
    """What is wrong with the file of what was learnt; empty where nothing is."""
    return next((fault for _, fault in _of_files(directory, files, None) if fault), "")
