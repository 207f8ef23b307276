"""partial.json of a transfer, a universal perturbation or a hardening; that of a run is a `RunSummary`."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.records.summary import PartDone
from foolscape.records.types import CLOSED, Object, Text


@dataclass(frozen=True, kw_only=True)
class PartialRecord:
    """How far a command is that has not finished.

    Attributes:
        schema: `records.schema.SCHEMA`.
        kind: as in run.json.
        runs: directories of the runs in this one, below it.
        unfinished: what is done of each part.
        epochs: `loss` of each epoch so far, and what else its training tells.
    """

    __pydantic_config__ = CLOSED

    schema: int
    kind: str
    runs: tuple[Text, ...]
    unfinished: tuple[PartDone, ...]
    epochs: tuple[Object, ...]
