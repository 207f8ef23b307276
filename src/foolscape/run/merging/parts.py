"""The shards that are to be merged: where they lie, and whether they are those of one run, each once and complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from foolscape.errors import RunError
from foolscape.in_place import found_at
from foolscape.paths import real
from foolscape.records.places import RUN, SHARDS
from foolscape.records.reader import read_record
from foolscape.records.run import AnyRecord
from foolscape.records.subjects import ShardRecord
from foolscape.run.directory.shards import shard_of
from foolscape.run.directory.siblings import unlike
from foolscape.stores.path import StorePath

_TOLD: Final = 4
"""Of what is wrong with shards, so many phrases."""

SampleKey = tuple[str | None, str]
"""The model and the id of a sample."""


@dataclass(frozen=True, eq=False)
class Part:
    """A shard as it lies in its directory, and what run.json there says; each is itself alone."""

    directory: Path
    record: AnyRecord

    @property
    def shard(self) -> ShardRecord:
        """Which part of the whole it is."""
        return shard_of(self.record)

    @property
    def name(self) -> str:
        """As messages call it."""
        return f"{self.shard.number}/{self.shard.of} in {self.directory}"


def shards_in(directories: Sequence[Path]) -> list[Path]:
    """The directories of shards: those that are named, and those in the folder `shards` of one that is, or in it.

    Raises:
        RunError: one holds none, or none is named.
    """
    if not directories:
        raise RunError("expected the directory that all parts were given as out, or those of the parts, got none")
    found: list[Path] = []
    for directory in directories:
        inner = directory / SHARDS
        if not inner.is_dir() and (directory / RUN).exists():
            found.append(directory)
            continue
        below = sorted(path.parent for path in (inner if inner.is_dir() else directory).glob(f"*/{RUN}"))
        if not below:
            raise RunError(
                f"expected a shard, or a directory with the shards of a run, got {directory}, where none was begun"
                f"{_there(directory)}; check the path"
            )
        found += below
    return found


def _there(directory: Path) -> str:
    """What is in the place of a directory; empty where it is one, or of a store."""
    found = "a folder" if isinstance(directory, StorePath) else found_at(directory)
    return "" if found == "a folder" else f": {found}"


def refuse_part(places: Sequence[Path], out: Path) -> None:
    """`RunError` where the whole is to be written to one of its parts."""
    if same := [place for place in places if real(place) == real(out)]:
        raise RunError(
            f"expected a directory of its own for the whole, got {same[0]}, which is one of its parts; choose another "
            "--out"
        )


def parts_in(directories: Sequence[Path]) -> list[Part]:
    """The shards in `directories`, by their number.

    Raises:
        RunError: one is no shard, is there twice or not at all, or is of another run.
    """
    parts = []
    for directory in directories:
        record = read_record(directory)
        if record.shard is None:
            raise RunError(
                f"{directory}: expected a shard, got a run that was begun without --shard; nothing is to be merged "
                "with it"
            )
        parts.append(Part(directory, record))
    _refuse_others(parts)
    _refuse_gaps(parts)
    first, *others = sorted(parts, key=lambda part: part.shard.number)
    return [first, *(replace(part, record=_beside(first.record, part.record)) for part in others)]


def _beside(first: AnyRecord, record: AnyRecord) -> AnyRecord:
    """The record of a shard that holds no sample which `first` has, too: each is of all samples, in the same order."""
    pairs = zip(first.samples, record.samples, strict=True)
    found = replace(record, samples=tuple(one if one == own else own for one, own in pairs))
    vars(found)["order"] = first.order  # where `cached_property` keeps it
    return found


def refuse_unfinished(settled: Mapping[Part, Container[SampleKey]], names: Collection[str]) -> None:
    """`RunError`, with what is missing, for shards that have not settled all of their samples.

    Args:
        settled: of each shard the samples that are.
        names: of those whose rows each sample has.
    """
    unfinished = []
    for part, keys in settled.items():
        own = part.record.ids
        lacking = [one for one in own if (None, one) not in keys and any((name, one) not in keys for name in names)]
        if lacking:
            unfinished.append(f"{part.name} lacks {len(lacking)} of {len(own)}, {lacking[0]} for one")
    if unfinished:
        raise RunError(
            f"expected shards that have settled all of their samples, got {_some(unfinished, '; ')}. The command that "
            "began each goes on with it"
        )


def _refuse_others(parts: Sequence[Part]) -> None:
    """`RunError` for shards that were not begun by the same command, version, weights and number of threads."""
    first, *others = parts
    for part in others:
        if changed := unlike(first.record, part.record):
            raise RunError(
                f"expected shards of one run, got another run's in {part.directory} than in {first.directory}: "
                f"{_some(changed, '; ')}. Measure all by the same command, but for --shard"
            )


def _refuse_gaps(parts: Sequence[Part]) -> None:
    """`RunError` for shards that are there twice or not at all, or do not divide the samples."""
    by_number: dict[int, list[Part]] = {}
    for part in parts:
        by_number.setdefault(part.shard.number, []).append(part)
    twice = [f"{found[0].name} and in {found[1].directory}" for found in by_number.values() if len(found) > 1]
    if twice:
        raise RunError(f"expected each shard once, got {_some(twice, '; ')}; leave all but one of each out")
    of = parts[0].shard.of
    missing = [f"{number}/{of}" for number in range(1, of + 1) if number not in by_number]
    if missing:
        raise RunError(
            f"expected all {of} shards of the run, got {len(parts)}, without {_some(missing, ', ')}. Measure what is "
            f"missing by the same command with --shard {missing[0]}"
        )
    counts = Counter(place for part in parts for place in part.shard.samples)
    if len(counts) != len(parts[0].record.samples) or max(counts.values()) > 1:
        raise RunError(
            "expected shards that divide the samples, got some that overlap: they were divided by other costs. Measure "
            "all with the same --shard-costs, or all without"
        )


def _some(phrases: Sequence[str], separator: str) -> str:
    more = len(phrases) - _TOLD
    return separator.join(phrases[:_TOLD]) + (f" and {more} more" if more > 0 else "")
