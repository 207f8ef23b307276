"""Rows and pictures of all shards of a run are written to one directory, in the order in which one process does it.

Nothing is measured here. What lies there afterwards is what one process has that was stopped behind its last sample, so
that the command without its shard goes on from there to the verdict and the page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foolscape.disk import in_words, read_file, write_file
from foolscape.records.row import Line
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.stored import StoredRows
from foolscape.records.timings import seconds_by_place
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.keeping import Shown
from foolscape.run.directory.lock import locked
from foolscape.run.directory.rows import keep_rows
from foolscape.run.directory.store import RunStore, open_run
from foolscape.run.listener import Listener
from foolscape.run.merging.parts import Part, refuse_unfinished


@dataclass(frozen=True)
class Wanted:
    """What a complete sample has: rows under all `conditions` of each of `names`, models for the most part."""

    names: tuple[str, ...]
    conditions: tuple[str, ...]


def gather(parts: Sequence[Part], out: Path, wanted: Wanted, listener: Listener) -> None:
    """Write run.json, rows and pictures of `parts` to `out`; what is there of them already is left as it is.

    Raises:
        RunError: one is at work, or lacks samples; or another run is in `out`.
    """
    with ExitStack() as held:
        for part in parts:
            held.enter_context(locked(part.directory))
        rows = {part: _rows(part, wanted.conditions, listener) for part in parts}
        refuse_unfinished(rows, wanted.names)
        with open_run(out, _whole(parts), wanted.conditions, listener.say) as store:
            _copy(rows, wanted.names, store, listener)
        for model in parts[0].record.models:
            _copy_once(f"wiring/{model.slug}.json", parts, out)


def _rows(part: Part, conditions: Collection[str], listener: Listener) -> StoredRows:
    """The rows of a shard that count, with all that they name there as it was written."""
    kept = keep_rows(part.directory, conditions, part.record, Shown(part.directory, part.record))
    for reason in kept.lost:
        listener.say(f"{part.directory}: {reason}")
    return kept.rows


def _whole(parts: Sequence[Part]) -> AnyRecord:
    """run.json of the whole."""
    first = parts[0].record
    hashes = [sample.sha256 for sample in first.samples]
    for part in parts:
        for place in part.shard.samples:
            hashes[place] = part.record.samples[place].sha256
    samples = tuple(
        sample if sample.sha256 == own else replace(sample, sha256=own)
        for sample, own in zip(first.samples, hashes, strict=True)
    )
    command = without_shard(first.command)
    if not isinstance(first, RunRecord):
        return replace(first, shard=None, samples=samples, command=command)
    records = [part.record for part in parts if isinstance(part.record, RunRecord)]
    specs = dict.fromkeys(spec for record in records for spec in record.narrowed)
    return replace(
        first,
        shard=None,
        samples=samples,
        command=command,
        started=min(record.started for record in records),
        data=replace(first.data, sha256=digest_of({one.id: str(one.sha256) for one in samples})),
        narrowed={spec: min(one.narrowed.get(spec, one.batch) for one in records) for spec in specs},
    )


def without_shard(command: Sequence[str]) -> tuple[str, ...]:
    """The command line of the whole, from that of a shard."""
    words, rest = [], iter(command)
    for word in rest:
        if word in ("--shard", "--shard-costs"):
            next(rest, None)
        elif not word.startswith(("--shard=", "--shard-costs=")):
            words.append(word)
    return tuple(words)


def _copy(rows: Mapping[Part, StoredRows], names: Sequence[str], store: RunStore, listener: Listener) -> None:
    """The rows that are not there yet, after the files that they name; model by model, in the order of the samples."""
    parts, samples = list(rows), store.record.samples
    homes = np.zeros(len(samples), np.int64)
    for number, part in enumerate(parts):
        homes[list(part.shard.samples)] = number
    with listener.progress("merge", len(samples) * len(names), 0) as tick:
        for name in names:
            seconds = _seconds(parts, name)
            for place, sample in enumerate(samples):
                part = parts[homes[place]]
                key = (None, sample.id) if (None, sample.id) in rows[part] else (name, sample.id)
                if key not in store.rows:
                    lines = rows[part].sample(key)
                    for file in _places(lines):
                        write_file(store.directory, file, _content(part, file))
                    took = float(seconds[place])
                    store.append(lines, None if np.isnan(took) else took)
                tick(sample.id)


def _seconds(parts: Sequence[Part], name: str) -> NDArray[np.float64]:
    """(N,): what the attack on each sample took, where it is known."""
    found = np.full(len(parts[0].record.samples), np.nan)
    for part in parts:
        own = list(part.shard.samples)
        known = seconds_by_place(part.directory, part.record).get(name)
        if known is not None:
            found[own] = known[own]
    return found


def _places(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        yield from line.files


def _content(part: Part, place: str) -> bytes:
    with in_words(part.directory):
        return read_file(part.directory / place)


def _copy_once(place: str, parts: Sequence[Part], out: Path) -> None:
    """A file that is the same in every shard that has it, from the first of these."""
    source = next((part for part in parts if (part.directory / place).exists()), None)
    if source is not None and not (out / place).exists():
        write_file(out, place, _content(source, place))
