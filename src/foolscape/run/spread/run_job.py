"""What a worker does in a run: opens model and data as the driver did, and measures the samples that it is given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from foolscape.cluster.job import Answer, Lease, WorkerPlace
from foolscape.errors import RunError
from foolscape.memory import halving
from foolscape.models.common.attention import attention
from foolscape.records.run import RunRecord, ShardRecord
from foolscape.run.compiling import compiled
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.store import as_comparable
from foolscape.run.recording import record_of
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import LoadedModel, Setup, open_setup
from foolscape.run.several_bounds import Measuring, evaluate
from foolscape.run.spread.collected import Collected

_TOLD = 4
"""Of what differs from the driver, so many phrases."""

_NO_SAMPLES = ShardRecord(number=1, of=1, samples=())


def key_of(model: int, sample: str) -> str:
    """What a lease calls a sample that is measured for the run's model at the place `model`."""
    return f"{model} {sample}"


def named_by(key: str) -> tuple[int, str]:
    """The place of the model, and the id of the sample."""
    model, _, sample = key.partition(" ")
    return int(model), sample


@dataclass(frozen=True)
class RunJob:
    """The samples of a run; a `cluster.Job`.

    Attributes:
        config: of the run, resolved.
        record: run.json, with what was found out about the models before anything is measured.
    """

    config: RunConfig
    record: RunRecord

    def open(self, place: WorkerPlace) -> RunWorker:
        """Data and models, which must be the driver's.

        Raises:
            RunError: the weights, code, libraries or settings are others here.
            FoolscapeError: they cannot be opened.
        """
        torch.set_num_threads(place.threads)
        config = self.config.model_copy(update={"device": place.device})
        device = ready_device(config.device)
        with attention(config.attention):
            setup = open_setup(config, device)
            if config.compile:
                setup = compiled(setup, self.record.batch)
        self._refuse_other(setup, device)
        return RunWorker(self, setup, place)

    def _refuse_other(self, setup: Setup, device: torch.device) -> None:
        own = record_of(self.config, setup, device, self.record.batch, (), _NO_SAMPLES)
        if changed := differences(as_comparable(self.record), as_comparable(own)):
            raise RunError(f"expected what the driver has, got other things here: {'; '.join(changed[:_TOLD])}")


class RunWorker:
    """Models and data that were opened in a worker; a `cluster.Worker`."""

    def __init__(self, job: RunJob, setup: Setup, place: WorkerPlace) -> None:
        self._job, self._setup, self._place = job, setup, place
        self._hashes = {sample.id: sample.sha256 for sample in job.record.samples}
        self._batches: dict[str, int] = dict(job.record.narrowed)

    def work(self, lease: Lease) -> Iterator[Answer]:
        """Rows and pictures of each sample of `lease`."""
        by_model: dict[int, list[str]] = {}
        for key in lease.keys:
            model, sample = named_by(key)
            by_model.setdefault(model, []).append(sample)
        with attention(self._job.config.attention):
            for model, samples in by_model.items():
                yield from self._measured(model, samples)

    def _measured(self, model: int, samples: Sequence[str]) -> Iterator[Answer]:
        entry = self._setup.entries[model]
        together = self._batches.get(entry.subject.spec, self._job.record.batch)
        # As many as share a batch come back together: one by one where it is 1, so that the driver need not wait.
        step = 1 if together == 1 else len(samples)
        for begin in range(0, len(samples), step):
            group = samples[begin : begin + step]
            started = time.perf_counter()
            store = self._settled(entry, group)
            each = (time.perf_counter() - started) / len(group)
            for sample in group:
                yield store.taken(sample, key_of(model, sample), each)

    def _settled(self, entry: LoadedModel, samples: Sequence[str]) -> Collected:
        """The samples, attacked and measured."""
        for sample in samples:
            self._refuse_changed(sample)
        store = Collected(self._place.scratch, self._job.record)
        spec = entry.subject.spec

        def measure(batch: int) -> None:
            store.parts.clear()
            evaluate(entry.subject, samples, Measuring(entry.plans, batch, self._job.config.seed), store, _heard)

        def narrow(batch: int, words: str) -> None:
            del words
            self._batches[spec] = batch

        halving(measure, self._batches.get(spec, self._job.record.batch), narrow)
        return store

    def _refuse_changed(self, sample: str) -> None:
        expected = self._hashes.get(sample)
        if expected is not None and self._setup.data.fingerprint(sample) != expected:
            raise RunError(
                f"expected the image and annotation of {sample} that the driver has, got others on {self._place.node}"
            )


def _heard(name: str) -> None:
    del name
