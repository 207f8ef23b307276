"""The result of each kind of run: summary.json, and transfer.json of a transfer. What is written, and what is read, is
checked against its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from foolscape.records.harden_summary import HardenSummary
from foolscape.records.run import (
    AnyRecord,
    EnsembleRecord,
    HardenRecord,
    RunRecord,
    TransferRecord,
    UniversalRecord,
)
from foolscape.records.summary import RunSummary
from foolscape.records.transfer_summary import TransferSummary
from foolscape.records.types import Object, read
from foolscape.records.universal_summary import UniversalSummary

AnySummary = RunSummary | TransferSummary | UniversalSummary | HardenSummary
S = TypeVar("S", RunSummary, TransferSummary, UniversalSummary, HardenSummary)

_KINDS: Final[Mapping[type[AnyRecord], type[AnySummary]]] = {
    RunRecord: RunSummary,
    TransferRecord: TransferSummary,
    UniversalRecord: UniversalSummary,
    HardenRecord: HardenSummary,
}


def checked(record: AnyRecord, result: Object) -> Object:
    """`result`, the result of the run that `record` is run.json of, if it has the form of one; else `ValueError`."""
    if not isinstance(record, EnsembleRecord):
        read(_KINDS[type(record)], result)
    return result
