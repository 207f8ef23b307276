"""A worker that measures samples, whatever kind of run they are of: rows and pictures of each, nothing written but in
a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from foolscape.cluster.job import STATE, Answer, Lease, WorkerPlace
from foolscape.disk import is_there, read_file, remove_file, write_file
from foolscape.errors import RunError
from foolscape.records.run import AnyRecord
from foolscape.records.stored import StoredRows
from foolscape.run.spread.collected import Collected


def key_of(model: int, sample: str) -> str:
    """What a lease calls a sample that is measured for the run's model at the place `model`."""
    return f"{model} {sample}"


def named_by(key: str) -> tuple[int, str]:
    """The place of the model, and the id of the sample."""
    model, _, sample = key.partition(" ")
    return int(model), sample


class Measurer(Protocol):
    """What a worker has opened."""

    @property
    def record(self) -> AnyRecord:
        """run.json of the driver."""
        ...

    def together(self, model: int) -> int:
        """How many samples the model at this place takes at once."""
        ...

    def measure(self, model: int, samples: Sequence[str], store: Collected) -> None:
        """Settle the `samples` in `store`."""
        ...

    def fingerprint(self, model: int, sample: str) -> str:
        """As the data set here has it."""
        ...


class SampleWorker:
    """A `cluster.Worker` that measures."""

    def __init__(self, measurer: Measurer, place: WorkerPlace) -> None:
        self._measurer, self._place = measurer, place
        self._hashes = {sample.id: sample.sha256 for sample in measurer.record.samples}

    def work(self, lease: Lease) -> Iterator[Answer]:
        """Rows and pictures of each sample of `lease`, whose inputs are files below the run's directory."""
        by_model: dict[int, list[str]] = {}
        for key in lease.keys:
            model, sample = named_by(key)
            by_model.setdefault(model, []).append(sample)
        places = [place for place in lease.inputs if place != STATE]
        for place in places:
            write_file(self._place.scratch, place, lease.inputs[place])
        for model, samples in by_model.items():
            yield from self._measured(model, samples)
        for place in places:
            remove_file(self._place.scratch / place)

    def _measured(self, model: int, samples: Sequence[str]) -> Iterator[Answer]:
        # As many as share a batch come back together; one by one where it is 1, so that the driver need not wait.
        step = 1 if self._measurer.together(model) == 1 else len(samples)
        for begin in range(0, len(samples), step):
            group = samples[begin : begin + step]
            for sample in group:
                self.refuse_changed(model, sample)
            started = time.perf_counter()
            record = self._measurer.record
            store = Collected(self._place.scratch, record, StoredRows(self._place.scratch, record))
            self._measurer.measure(model, group, store)
            each = (time.perf_counter() - started) / len(group)
            for sample in group:
                yield store.taken(sample, key_of(model, sample), each)

    def refuse_changed(self, model: int, sample: str) -> None:
        """`RunError` where a sample is another here than the driver has."""
        expected = self._hashes.get(sample)
        if expected is not None and self._measurer.fingerprint(model, sample) != expected:
            raise RunError(
                f"expected the image and annotation of {sample} that the driver has, got others on {self._place.node}"
            )


def files_at(directory: Path, places: Sequence[str]) -> dict[str, bytes]:
    """The files below `directory` that a worker needs, as far as they are there."""
    return {place: read_file(path) for place in places if is_there(path := directory / place)}
