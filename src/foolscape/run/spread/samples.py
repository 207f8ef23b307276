"""A worker that measures samples, whatever kind of run they are of: rows and pictures of each, nothing written but in
a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Protocol

from foolscape.cluster.job import STATE, Answer, Lease, WorkerPlace
from foolscape.disk import is_there, read_file, remove_file, write_file
from foolscape.errors import RunError
from foolscape.records.run import AnyRecord
from foolscape.records.stored import StoredRows
from foolscape.run.pipeline import Finisher
from foolscape.run.spread.collected import Collected
from foolscape.run.spread.coming import Coming, Laps


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

    def measure(
        self, model: int, samples: Sequence[str], store: Collected, settled: Callable[[str], None]
    ) -> Finisher | None:
        """Settle the `samples` in `store`, each told to `settled`; who is still at the last of them, without the
        model, if anybody is.
        """
        ...

    def found(self, model: int, sample: str) -> bytes:
        """The clean prediction of a sample, where the driver keeps those and has it not; see `Beside`."""
        ...

    def fingerprint(self, model: int, sample: str) -> str:
        """As the data set here has it."""
        ...


class SampleWorker:
    """A `cluster.Worker` that measures. The last samples of a lease are finished while the next lease is attacked."""

    def __init__(self, measurer: Measurer, place: WorkerPlace) -> None:
        self._measurer, self._place = measurer, place
        self._hashes = {sample.id: sample.sha256 for sample in measurer.record.samples}
        self._behind: Finisher | None = None
        self._laps = Laps()

    def work(self, lease: Lease) -> Iterator[Future[Answer]]:
        """Rows and pictures of each sample of `lease`, whose inputs are files below the run's directory."""
        by_model: dict[int, list[str]] = {}
        for key in lease.keys:
            model, sample = named_by(key)
            by_model.setdefault(model, []).append(sample)
        places = [place for place in lease.inputs if place != STATE]
        for place in places:
            write_file(self._place.scratch, place, lease.inputs[place])
        for model, samples in by_model.items():
            for sample in samples:
                self.refuse_changed(model, sample)
            coming = self._coming(model, samples)
            yield from coming.answers.values()
            self._measure(model, coming)
        for place in places:
            remove_file(self._place.scratch / place)

    def _coming(self, model: int, samples: Sequence[str]) -> Coming:
        record = self._measurer.record
        return Coming(
            {sample: Future() for sample in samples},
            {sample: key_of(model, sample) for sample in samples},
            Collected(self._place.scratch, record, StoredRows(self._place.scratch, record)),
            partial(self._measurer.found, model),
            self._measurer.together(model) == 1,
            self._laps,
        )

    def _measure(self, model: int, coming: Coming) -> None:
        """What goes wrong is told in the place of answers."""
        try:
            finisher = self._measurer.measure(model, list(coming.answers), coming.store, coming.settled)
        except Exception as error:
            coming.ended(error)
            return
        if self._behind is not None:
            self._behind.close()  # no more than one lease is finished beside the one that is attacked
        self._behind = finisher
        if finisher is None:
            coming.ended(None)
        else:
            finisher.leave(coming.ended)

    def refuse_changed(self, model: int, sample: str) -> None:
        """`RunError` where a sample is another here than the driver has."""
        expected = self._hashes.get(sample)
        if expected is not None and self._measurer.fingerprint(model, sample) != expected:
            raise RunError(
                f"expected the image and annotation of {sample} that the driver has, got others on {self._place.node}; "
                "they were changed since the command began, or are others there: bring back those of before, and the "
                "same command goes on, or choose another --out"
            )


def files_at(directory: Path, places: Sequence[str]) -> dict[str, bytes]:
    """The files below `directory` that a worker needs, as far as they are there."""
    return {place: read_file(path) for place in places if is_there(path := directory / place)}
