"""What a worker does in a run: opens model and data as the driver did, and measures the samples that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from foolscape.cluster.job import WorkerPlace
from foolscape.errors import RunError
from foolscape.memory import halving
from foolscape.models.common.attention import attention
from foolscape.records.run import AnyRecord, RunRecord, ShardRecord
from foolscape.run.compiling import compiled
from foolscape.run.directory.agreement import differences
from foolscape.run.directory.begun import as_comparable
from foolscape.run.recording import record_of
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import Setup, open_setup
from foolscape.run.several_bounds import Measuring, evaluate
from foolscape.run.spread.collected import Collected
from foolscape.run.spread.samples import SampleWorker

_TOLD = 4
"""Of what differs from the driver, so many phrases."""

_NO_SAMPLES = ShardRecord(number=1, of=1, samples=())


@dataclass(frozen=True)
class RunJob:
    """The samples of a run; a `cluster.Job`.

    Attributes:
        config: of the run, resolved.
        record: run.json, with what was found out about the models before anything is measured.
    """

    config: RunConfig
    record: RunRecord

    def open(self, place: WorkerPlace) -> SampleWorker:
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
        return SampleWorker(RunMeasurer(self, setup), place)


def refuse_other(driver: AnyRecord, own: AnyRecord) -> None:
    """`RunError` where a worker would record other things of models, data and settings than the driver did."""
    if changed := differences(as_comparable(driver), as_comparable(own)):
        raise RunError(f"expected what the driver has, got other things here: {'; '.join(changed[:_TOLD])}")


class RunMeasurer:
    """Models and data of a run; a `Measurer`."""

    def __init__(self, job: RunJob, setup: Setup) -> None:
        self.record = job.record
        self._config, self._setup = job.config, setup
        self._batches: dict[str, int] = dict(job.record.narrowed)

    def together(self, model: int) -> int:
        """The batch of the model, halved where memory was short."""
        return self._batches.get(self._setup.entries[model].subject.spec, self.record.batch)

    def fingerprint(self, model: int, sample: str) -> str:
        """See `Measurer`."""
        del model
        return self._setup.data.fingerprint(sample)

    def measure(self, model: int, samples: Sequence[str], store: Collected) -> None:
        """Attack and measure."""
        entry = self._setup.entries[model]

        def measure(batch: int) -> None:
            store.parts.clear()
            evaluate(entry.subject, samples, Measuring(entry.plans, batch, self._config.seed), store, _heard)

        def narrow(batch: int, words: str) -> None:
            del words
            self._batches[entry.subject.spec] = batch

        with attention(self._config.attention):
            halving(measure, self.together(model), narrow)


def _heard(name: str) -> None:
    del name
