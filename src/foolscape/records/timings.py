"""timings.jsonl: what the clock said of each attacked image. It is read by reports alone, and is no figure of a run."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foolscape.disk import open_file, write_pieces
from foolscape.records.places import TIMINGS
from foolscape.records.run import AnyRecord
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


def times_of(directory: Path, record: AnyRecord) -> Times:
    """What the clock said of a run, of its run.json; of what it did not say, nothing."""
    probes: dict[str, float] = {}
    for one in timings_in(directory):
        if isinstance(one, ProbeTiming):
            probes[one.model] = probes.get(one.model, 0.0) + one.probes
    images = seconds_by_place(directory, record)
    return Times({model: float(values[values >= 0].mean()) for model, values in images.items()}, probes)


def seconds_by_place(directory: Path, record: AnyRecord) -> dict[str, NDArray[np.float64]]:
    """By model (N,) the seconds of each of N samples of a run, the last that were written; NaN where none are."""
    order, found = record.order, dict[str, NDArray[np.float64]]()
    for one in timings_in(directory):
        if isinstance(one, Timing) and one.id in order:
            if one.model not in found:
                found[one.model] = np.full(len(order), np.nan)
            found[one.model][order[one.id]] = one.seconds
    return found


def read_timings(directory: Path) -> dict[tuple[str, str], float]:
    """The seconds by model and id of a run; none where nothing can be read."""
    return _by_key(timings_in(directory))


def seconds_in(content: bytes) -> dict[tuple[str, str], float]:
    """The seconds by model and id in timings.jsonl, the last of each; lines that cannot be read tell nothing."""
    return _by_key(one for _, one in _parsed(content.split(b"\n")))


def _by_key(found: Iterable[Timing | ProbeTiming]) -> dict[tuple[str, str], float]:
    return {(one.model, one.id): one.seconds for one in found if isinstance(one, Timing)}


def timings_in(directory: Path) -> Iterator[Timing | ProbeTiming]:
    """What timings.jsonl says, line by line; lines that cannot be read tell nothing."""
    try:
        file = open_file(directory / TIMINGS)
    except OSError:
        return
    with file:
        yield from (one for _, one in _parsed(file))


def keep_timings(directory: Path, settled: Container[tuple[str | None, str]]) -> None:
    """Leave samples that are not `settled`, by model and id, out of timings.jsonl: they are attacked again."""
    try:
        with open_file(directory / TIMINGS) as file:
            lines = sum(1 for _ in file)
            file.seek(0)
            kept = sum(line.endswith(b"\n") for line in _kept(file, settled))
    except FileNotFoundError:
        return
    if kept < lines:
        with open_file(directory / TIMINGS) as file:
            write_pieces(directory, TIMINGS, (line.rstrip(b"\n") + b"\n" for line in _kept(file, settled)))


def _kept(lines: Iterable[bytes], settled: Container[tuple[str | None, str]]) -> Iterator[bytes]:
    parsed = _parsed(lines)
    return (line for line, one in parsed if isinstance(one, ProbeTiming) or (one.model, one.id) in settled)


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[bytes, Timing | ProbeTiming]]:
    """Every line that can be read, and what it says."""
    for line in lines:
        try:
            found = json.loads(line)
            yield (
                line,
                read(ProbeTiming, found) if isinstance(found, dict) and "probes" in found else read(Timing, found),
            )
        except (ValueError, RecursionError):
            continue
