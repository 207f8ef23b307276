"""timings.jsonl: what the clock said of each attacked image. It is read by reports alone, and is no figure of a run."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class ProbeTiming:
    """How long the other attacks took that were tried on a model for the verdict."""

    __pydantic_config__ = CLOSED

    model: Text
    probes: float


@dataclass(frozen=True)
class Times:
    """What tables say of time, in seconds by model.

    Attributes:
        image: of the attack, the mean over its images.
        probes: of the other attacks that were tried for the verdict, together.
    """

    image: Mapping[str, float] = field(default_factory=dict)
    probes: Mapping[str, float] = field(default_factory=dict)


def probe_timing_bytes(timing: ProbeTiming) -> bytes:
    """A line of timings.jsonl."""
    return dumped(to_json(ProbeTiming, timing))


def timing_bytes(timing: Timing) -> bytes:
    """A line of timings.jsonl."""
    return dumped(to_json(Timing, timing))


def times_of(directory: Path) -> Times:
    """What the clock said of a run; of what it did not say, nothing."""
    images: dict[str, list[float]] = {}
    for (model, _), seconds in read_timings(directory).items():
        images.setdefault(model, []).append(seconds)
    probes: dict[str, float] = {}
    for _, one in _parsed(_content(directory)):
        if isinstance(one, ProbeTiming):
            probes[one.model] = probes.get(one.model, 0.0) + one.probes
    return Times({model: sum(values) / len(values) for model, values in images.items()}, probes)


def read_timings(directory: Path) -> dict[tuple[str, str], float]:
    """The seconds by model and id of a run; none where nothing can be read."""
    return seconds_in(_content(directory))


def seconds_in(content: bytes) -> dict[tuple[str, str], float]:
    """The seconds by model and id in timings.jsonl, the last of each; lines that cannot be read tell nothing."""
    images = (one for _, one in _parsed(content) if isinstance(one, Timing))
    return {(timing.model, timing.id): timing.seconds for timing in images}


def _content(directory: Path) -> bytes:
    try:
        return read_file(directory / TIMINGS)
    except OSError:
        return b""


def timings_of(content: bytes, settled: Container[tuple[str | None, str]]) -> bytes:
    """The lines of timings.jsonl but for samples that are not `settled`, by model and id: they are attacked again."""
    kept = (line for line, one in _parsed(content) if isinstance(one, ProbeTiming) or (one.model, one.id) in settled)
    return b"".join(line + b"\n" for line in kept)


def _parsed(content: bytes) -> Iterator[tuple[bytes, Timing | ProbeTiming]]:
    """Every line that can be read, and what it says."""
    for line in content.split(b"\n"):
        try:
            found = json.loads(line)
            yield (
                line,
                read(ProbeTiming, found) if isinstance(found, dict) and "probes" in found else read(Timing, found),
            )
        except (ValueError, RecursionError):
            continue
