"""shard.json: a part of a run, or of a transfer, is measured; `foolscape merge` makes a whole of them."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.records.row import Failure
from foolscape.records.types import CLOSED, Text


@dataclass(frozen=True, kw_only=True)
class ShardDone:
    """What a part has come to.

    Attributes:
        schema: `records.schema.SCHEMA`.
        shard: such as 3/16.
        samples: how many of the whole's are its own.
        failures: those that could not be used.
    """

    __pydantic_config__ = CLOSED

    schema: int
    shard: Text
    samples: int
    failures: tuple[Failure, ...]
