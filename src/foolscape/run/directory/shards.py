"""The end of a shard: what says that all of its samples are settled."""

from __future__ import annotations

import json

from foolscape.records.places import SHARD
from foolscape.records.run import AnyRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.shard import ShardDone
from foolscape.records.subjects import ShardRecord
from foolscape.records.types import Object, dumped, to_json
from foolscape.run.directory.store import RunStore


def shard_of(record: AnyRecord) -> ShardRecord:
    """The part of a run that the directory of a shard holds."""
    assert record.shard is not None
    return record.shard


def finish_shard(store: RunStore) -> Object:
    """Write shard.json of a shard whose samples are all settled, a `ShardDone`; what it holds."""
    shard = shard_of(store.record)
    done = ShardDone(
        schema=SCHEMA,
        shard=f"{shard.number}/{shard.of}",
        samples=len(shard.samples),
        failures=tuple(store.rows.failures()),
    )
    content: Object = json.loads(dumped(to_json(ShardDone, done)))
    store.save_json(SHARD, content)
    return content
