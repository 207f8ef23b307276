"""The parts of one run: whether they are, and which lie beside one that is begun, on this machine or in a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from foolscape.carriers import shown_as
from foolscape.errors import RunError
from foolscape.records.places import RUN, SHARD_NAME, SHARDS
from foolscape.records.run import AnyRecord, record_in
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.begun import as_comparable, read_settings
from foolscape.stores.folder import StoreFolder, folder_at
from foolscape.stores.path import StorePath

_TOLD: Final = 4
"""Of what differs, so many phrases."""


def unlike(first: AnyRecord, other: AnyRecord) -> list[str]:
    """What makes two shards, or a shard and a whole run, those of two runs, each in a phrase."""
    if first.shard is not None and other.shard is not None and first.shard.of != other.shard.of:
        return [f"it is one of {other.shard.of} parts, not of {first.shard.of}"]
    changed = differences(as_comparable(first), as_comparable(other))
    if other.threads != first.threads:
        changed.append(f"threads was {first.threads}, is {other.threads}")
    return changed


def begun_beside(directory: Path, record: AnyRecord) -> AnyRecord | None:
    """What run.json says of another shard, or of the whole, of the run that a shard is of; None where none was begun.

    Args:
        directory: of the shard, `01-of-16` below `shards`; beside one that is called otherwise nothing is looked for.
        record: of the shard; without threads it takes those of the others.

    Raises:
        RunError: what lies beside it is of another run, or cannot be read.
    """
    path = shown_as(directory)
    if record.shard is None or path.parent.name != SHARDS or not SHARD_NAME.fullmatch(path.name):
        return None
    for place, there in _beside(path):
        own = replace(record, threads=record.threads or there.threads)
        if changed := unlike(there, own) or _twice(there, own):
            more = f"; and {len(changed) - _TOLD} more" if len(changed) > _TOLD else ""
            raise RunError(
                f"expected a part of the run that was begun in {place}, got one of another: "
                f"{'; '.join(changed[:_TOLD])}{more}. Measure all parts by the same command, but for --shard; for "
                "another run choose another --out, or remove what is there"
            )
        return there
    return None


def _twice(there: AnyRecord, own: AnyRecord) -> list[str]:
    """Of parts that were divided by other costs, what they share."""
    if there.shard is None or own.shard is None or there.shard.number == own.shard.number:
        return []
    shared = len({*there.shard.samples} & {*own.shard.samples})
    return [f"{shared} of its samples are in both, as they were divided by other --shard-costs"] if shared else []


def _beside(path: Path) -> Iterator[tuple[Path, AnyRecord]]:
    """The whole, if it was begun, and the other shards, each with what its run.json says."""
    whole = path.parent.parent
    if not isinstance(whole, StorePath):
        for other in (whole, *sorted(path.parent.iterdir())):
            if _is_other(other, path) and (there := _here(other)) is not None:
                yield other, there
        return
    folder = folder_at(whole)
    try:
        for place in ("", *(f"{SHARDS}/{name}" for name in sorted(folder.names(SHARDS)))):
            other = whole / place if place else whole
            if _is_other(other, path) and (found := _in_store(folder, place)) is not None:
                yield other, found
    except OSError as error:
        raise RunError(
            f"expected the parts beside {path} to be read, got {error.strerror or error}; check the network"
        ) from error


def _is_other(other: Path, path: Path) -> bool:
    return other != path and (other == path.parent.parent or SHARD_NAME.fullmatch(other.name) is not None)


def _here(directory: Path) -> AnyRecord | None:
    """What a part says; one that nobody could go on with is left to the merge, which names it."""
    try:
        return read_settings(directory)
    except RunError:
        return None


def _in_store(folder: StoreFolder, place: str) -> AnyRecord | None:
    name = f"{place}/{RUN}".lstrip("/")
    try:
        return record_in(Path(name), json.loads(folder.read(name)))
    except (FileNotFoundError, ValueError, RunError):
        return None
