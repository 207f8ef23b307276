"""What a worker does in a run: opens model and data as the driver did, and measures the samples that it is given."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import torch

from foolscape.cluster.job import Answer, Lease, WorkerPlace
from foolscape.cluster.leases import LeaseSettings
from foolscape.errors import FoolscapeError, RunError
from foolscape.memory import halving
from foolscape.models.common.attention import attention
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.stored import StoredRows
from foolscape.records.subjects import ShardRecord
from foolscape.run.compiling import compiled
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.begun import as_comparable
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.pipeline import Finisher
from foolscape.run.recording import record_of
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import Setup, open_setup
from foolscape.run.several_bounds import Measuring, attacked
from foolscape.run.spread.clean_inputs import clean_given, files_in
from foolscape.run.spread.collected import Collected
from foolscape.run.spread.probing import ProbeKey, Tried
from foolscape.run.spread.samples import SampleWorker
from foolscape.run.tasks.clean import CleanPredictions
from foolscape.run.trust.probes import results_of

_TOLD = 4
"""Of what differs from the driver, so many phrases."""

_NO_SAMPLES = ShardRecord(number=1, of=1, samples=())


@dataclass(frozen=True)
class RunJob:
    """The samples of a run; a `cluster.Job`.

    Attributes:
        config: of the run, resolved.
        record: run.json, with what was found out about the models before anything is measured.
        remembers: whether the driver keeps clean predictions, which come and go with leases and answers.
    """

    config: RunConfig
    record: RunRecord
    remembers: bool = False

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
        refuse_other(self.record, record_of(self.config, setup, device, self.record.batch, (), _NO_SAMPLES))
        if self.remembers:
            setup = setup.remembering()
        return RunWorker(RunMeasurer(self, setup), place)


def leases_of(record: RunRecord) -> LeaseSettings:
    """How samples are leased to those who work as `SampleWorker` does."""
    return LeaseSettings(batch=record.batch, abreast=2)


def refuse_other(driver: AnyRecord, own: AnyRecord) -> None:
    """`RunError` where a worker would record other things of models, data and settings than the driver did."""
    if changed := differences(as_comparable(driver), as_comparable(own)):
        raise RunError(f"expected what the driver has, got other things here: {'; '.join(changed[:_TOLD])}")


class RunWorker:
    """A `cluster.Worker` that measures samples, and tries other attacks on them for the verdict."""

    def __init__(self, measurer: RunMeasurer, place: WorkerPlace) -> None:
        self._measurer, self._scratch = measurer, place.scratch
        self._samples = SampleWorker(measurer, place)

    def work(self, lease: Lease) -> Iterator[Answer | Future[Answer]]:
        """Rows and pictures of samples, or what is left of them: a lease is of one or the other."""
        self._measurer.know(clean_given(lease.inputs))
        if ProbeKey.parse(lease.keys[0]) is None:
            yield from self._samples.work(Lease(lease.keys, files_in(lease.inputs)))
            return
        for key in lease.keys:
            probe = ProbeKey.parse(key)
            assert probe is not None
            self._samples.refuse_changed(probe.model, probe.sample)
            started = time.perf_counter()
            tried = self._measurer.tried(probe, self._scratch)
            clean = self._measurer.found(probe.model, probe.sample)
            yield Answer(key, pickle.dumps(tried), {}, time.perf_counter() - started, clean)


class RunMeasurer:
    """Models and data of a run; a `Measurer`."""

    def __init__(self, job: RunJob, setup: Setup) -> None:
        self.record = job.record
        self._config, self._setup = job.config, setup
        self._batches: dict[str, int] = dict(job.record.narrowed)
        self._known: set[tuple[int, str]] = set()

    def together(self, model: int) -> int:
        """The batch of the model, halved where memory was short."""
        return self._batches.get(self._setup.entries[model].subject.spec, self.record.batch)

    def fingerprint(self, model: int, sample: str) -> str:
        """See `Measurer`."""
        del model
        return self._setup.data.fingerprint(sample)

    def know(self, clean: Mapping[tuple[int, str], bytes]) -> None:
        """Take clean predictions that the driver knows, by model and sample."""
        for (model, sample), packed in clean.items():
            self._clean(model).put(sample, packed)
            self._known.add((model, sample))

    def found(self, model: int, sample: str) -> bytes:
        """The clean prediction, if the driver wants it and has it not; it is not kept here."""
        if (clean := self._clean(model)).are_kept:
            packed = clean.take(sample)
            if packed is not None and (model, sample) not in self._known:
                return packed
            self._known.discard((model, sample))
        return b""

    def measure(self, model: int, samples: Sequence[str], store: Collected, settled: Callable[[str], None]) -> Finisher:
        """Attack and measure."""
        entry, finishers = self._setup.entries[model], list[Finisher]()

        def measure(batch: int) -> None:
            store.forget()
            measuring = Measuring(entry.plans, batch, self._config.seed)
            finishers.append(attacked(entry.subject, samples, measuring, store, settled))

        with attention(self._config.attention):
            self._halving(model, measure)
        return finishers[-1]

    def tried(self, probe: ProbeKey, scratch: Path) -> Tried:
        """What a probe leaves of a sample."""
        entry, found = self._setup.entries[probe.model], list[Tried]()
        store = Collected(scratch, self.record, StoredRows(scratch, self.record))

        def attempt(batch: int) -> None:
            results = results_of(entry.subject, {probe.what: entry.probes[probe.what]}, store, [probe.sample], batch)
            found.append(Tried(results[probe.sample][probe.what]))

        try:
            with attention(self._config.attention):
                if probe.alone:
                    attempt(1)
                else:
                    self._halving(probe.model, attempt)
        except FAULTS as error:
            return Tried(failed=reason_of(error))
        except FoolscapeError as error:
            return Tried(failed=str(error))
        return found[-1]

    def _clean(self, model: int) -> CleanPredictions:
        return self._setup.entries[model].subject.clean

    def _halving(self, model: int, attempt: Callable[[int], None]) -> None:
        """With the batch of the model, and with less of it from now on where memory is short."""

        def narrow(batch: int, words: str) -> None:
            del words
            self._batches[self._setup.entries[model].subject.spec] = batch

        halving(attempt, self.together(model), narrow)
