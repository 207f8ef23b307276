"""workers.jsonl: what became of workers that a run has lost or did not let in. It is no figure of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foolscape.records.types import CLOSED, Text, dumped, to_json


@dataclass(frozen=True, kw_only=True)
class WorkerNote:
    """A line.

    Attributes:
        event: `lost`: it died, and its samples in flight were given to others; `refused`: it was not let in; `differs`:
            it answered otherwise than another, whose answer came first and counts.
        worker, node: who and where.
        reason: why; of what differs, which worker came first.
        samples: ids of those in flight, or that differ.
        seconds: since the workers were started.
    """

    __pydantic_config__ = CLOSED

    event: Literal["lost", "refused", "differs"]
    worker: Text
    node: Text
    reason: Text
    samples: tuple[Text, ...] = ()
    seconds: float | None = None


def note_bytes(note: WorkerNote) -> bytes:
    """A line of workers.jsonl."""
    return dumped(to_json(WorkerNote, note))


def told(note: WorkerNote) -> str:
    """A line for whoever watches a run."""
    where = f"{note.worker} on {note.node}" if note.node else note.worker
    if note.event == "refused":
        return f"{where} did not take part: {note.reason}"
    if note.event == "differs":
        return (
            f"{', '.join(note.samples)}: {where} answered otherwise than {note.reason}, whose answer counts; their "
            "devices or libraries compute otherwise"
        )
    again = f"{len(note.samples)} image{'s' * (len(note.samples) != 1)} measured anew" if note.samples else "no image"
    return f"{where} was lost, {again}: {note.reason}"
