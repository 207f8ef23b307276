"""`foolscape merge`: the shards of a run, or of a transfer with the runs in it, become one directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foolscape.errors import RunError
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import RUN
from foolscape.records.run import AnyRecord, EnsembleRecord, RunRecord, TransferRecord
from foolscape.run.listener import Listener
from foolscape.run.merging.gather import Wanted, gather
from foolscape.run.merging.parts import Part, parts_in
from foolscape.run.transfer.ensemble import ensemble_name
from foolscape.run.transfer.matrix import disturbances_of


def merge(directories: Sequence[Path], out: Path, listener: Listener) -> AnyRecord:
    """Write the shards in `directories` to `out`, as a run that only has to be summed up.

    Args:
        directories: of all shards of one run or transfer, in any order.
        out: of the whole; a merge that was killed goes on.
        listener: told of the progress.

    Returns:
        What run.json of the shards says.

    Raises:
        RunError: they are not the shards of one run, or not all of them are there and done.
    """
    parts = parts_in(directories)
    gather(parts, out, _wanted(parts[0]), listener)
    for inner in _inner(parts):
        merge([part.directory / inner for part in parts], out / inner, listener)
    return parts[0].record


def _inner(parts: Sequence[Part]) -> list[Path]:
    """The runs and changes in a transfer, below its directory."""
    below = {
        path.parent.relative_to(part.directory)
        for part in parts
        for folder in ("runs", "ensembles")
        for path in part.directory.glob(f"{folder}/*/{RUN}")
    }
    return sorted(below)


def _wanted(part: Part) -> Wanted:
    record = part.record
    names = tuple(model.model for model in record.models)
    match record:
        case RunRecord():
            return Wanted(names, record.conditions)
        case TransferRecord():
            slugs = [model.slug for model in record.models]
            return Wanted(names, tuple(one.name for one in disturbances_of(slugs, record.ensembles)))
        case EnsembleRecord():
            return Wanted((ensemble_name([model.slug for model in record.models]),), (ADVERSARIAL,))
        case _:
            raise RunError(f"{part.directory}: expected the shard of a run or a transfer, got a {record.kind}")
