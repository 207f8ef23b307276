"""timings.jsonl: what the clock said of each attacked image. It is read by reports alone, and is no figure of a run."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from foolscape.disk import read_file
from foolscape.records.places import TIMINGS
from foolscape.records.types import CLOSED, Text, dumped, read, to_json


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long the attack on an image took: the image's share of the time of its batches."""

    __pydantic_config__ = CLOSED

    model: Text
    id: Text
    seconds: float


def timing_bytes(timing: Timing) -> bytes:
    """A line of timings.jsonl."""
    return dumped(to_json(Timing, timing))


def seconds_per_image(directory: Path) -> dict[str, float]:
    """By model the mean over its attacked images."""
    found: dict[str, list[float]] = {}
    for (model, _), seconds in read_timings(directory).items():
        found.setdefault(model, []).append(seconds)
    return {model: sum(values) / len(values) for model, values in found.items()}


def read_timings(directory: Path) -> dict[tuple[str, str], float]:
    """The seconds by model and id, the last that were written of each; lines that cannot be read tell nothing."""
    try:
        content = read_file(directory / TIMINGS)
    except OSError:
        return {}
    return {(timing.model, timing.id): timing.seconds for _, timing in _parsed(content)}


def timings_of(content: bytes, settled: Container[tuple[str | None, str]]) -> bytes:
    """The lines of timings.jsonl of the samples that are `settled`, by model and id: others are attacked again."""
    kept = (line for line, timing in _parsed(content) if (timing.model, timing.id) in settled)
    return b"".join(line + b"\n" for line in kept)


def _parsed(content: bytes) -> Iterator[tuple[bytes, Timing]]:
    """Every line that can be read, and what it says."""
    for line in content.split(b"\n"):
        try:
            yield line, read(Timing, json.loads(line))
        except (ValueError, RecursionError):
            continue
