"""run.json of a transfer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from foolscape.records.run import TransferRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import SampleRecord, ShardRecord
from foolscape.records.types import Object
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.transfer.matrix import Network


def transfer_record(
    config: Object,
    networks: Sequence[Network],
    ensembles: Sequence[tuple[str, ...]],
    ids: Sequence[str],
    command: Sequence[str],
    shard: ShardRecord | None = None,
) -> TransferRecord:
    """What run.json holds; `ensembles` by the slugs of their networks."""
    return TransferRecord(
        schema=SCHEMA,
        kind="transfer",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config,
        configs=tuple(network.config.model_dump(mode="json") for network in networks),
        models=tuple(network.record for network in networks),
        algorithms=algorithms(
            None,
            ("transfer", *dict.fromkeys(network.task for network in networks)),
            (*(network.entry.subject.spec for network in networks), networks[0].config.data),
        ),
        versions=versions(),
        samples=tuple(SampleRecord(id=name) for name in ids),
        shard=shard,
        ensembles=tuple(ensembles),
    )
