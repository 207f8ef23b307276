"""What a worker does for a universal perturbation: it looks at training images, takes gradients, measures tiles."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from foolscape.attacks.universal.learn import Gradients, SampleResult, Turn, on_sample
from foolscape.cluster.job import STATE, Answer, GivenUp, Lease, WorkerPlace
from foolscape.cluster.pool import Pool
from foolscape.errors import RunError
from foolscape.models.common.attention import attention
from foolscape.records.run import UniversalRecord
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.settings.device import ready_device
from foolscape.run.spread.collected import Collected
from foolscape.run.spread.run_job import refuse_other
from foolscape.run.spread.samples import SampleWorker
from foolscape.run.universal.config import UniversalConfig
from foolscape.run.universal.measure import PointTile, rows
from foolscape.run.universal.recording import universal_record_of
from foolscape.run.universal.setup import UniversalSetup, open_universal
from foolscape.run.universal.training_samples import TrainingSamples

_LOOK, _TURN = "look ", "turn "
"""How keys begin that are about training images; others are about test images, see `spread.samples.key_of`."""

SHOWING, OTHER = "showing", "other"
"""What is seen on a training image: what is to change, or nothing of it."""


@dataclass(frozen=True)
class UniversalJob:
    """A universal perturbation; a `cluster.Job`.

    Attributes:
        config: its settings.
        record: run.json.
    """

    config: UniversalConfig
    record: UniversalRecord

    def open(self, place: WorkerPlace) -> UniversalWorker:
        """Models and data, which must be the driver's; raises as `RunJob.open`."""
        torch.set_num_threads(place.threads)
        device = ready_device(place.device)
        with attention(self.config.attention):
            setup = open_universal(self.config, device, hashed=False)
        refuse_other(self.record, universal_record_of(self.config, setup, device, ()))
        return UniversalWorker(self, setup, place)


class UniversalWorker:
    """Models and data that were opened in a worker; a `cluster.Worker`."""

    def __init__(self, job: UniversalJob, setup: UniversalSetup, place: WorkerPlace) -> None:
        self._config, self._record, self._setup, self._place = job.config, job.record, setup, place
        self._samples = TrainingSamples(setup.training)
        self._looked: set[str] = set()
        self._measurer = _TestMeasurer(job, setup)
        subject: Any = setup.training.subject
        self._fingerprint: Callable[[str], str] = subject.data.fingerprint

    def work(self, lease: Lease) -> Iterator[Answer | Future[Answer]]:
        """An answer of its kind for each key."""
        training = [key for key in lease.keys if key.startswith((_LOOK, _TURN))]
        with attention(self._config.attention):
            for key in training:
                started = time.perf_counter()
                if key.startswith(_LOOK):
                    payload = self._look(key.removeprefix(_LOOK))
                else:
                    payload = self._gradient(key.removeprefix(_TURN), lease.inputs[STATE])
                yield Answer(key, payload, seconds=time.perf_counter() - started)
            if len(training) < len(lease.keys):
                self._measurer.tiles = pickle.loads(lease.inputs[STATE])  # of the driver
                yield from SampleWorker(self._measurer, self._place).work(lease)

    def _look(self, name: str) -> bytes:
        self._refuse_changed(name)
        try:
            problem = self._samples(name).problem
        except FAULTS as error:
            return pickle.dumps(("failed", reason_of(error)))
        return pickle.dumps((SHOWING if bool(problem.moving.any()) else OTHER, ""))

    def _gradient(self, text: str, state: bytes) -> bytes:
        _, name, mirrored, down, right = json.loads(text)
        point_name, values = pickle.loads(state)
        self._refuse_changed(name)
        point = next(point for point in self._config.points if point.name == point_name)
        recipe = self._config.recipe(point, self._setup.task)
        tile = torch.from_numpy(values).to(self._setup.device)
        slope, result = on_sample(tile, self._samples(name, mirrored), recipe, (down, right))
        return pickle.dumps((slope.cpu().numpy(), result))

    def _refuse_changed(self, name: str) -> None:
        if name in self._looked:
            return
        if self._fingerprint(name) != self._record.train.images.get(name):
            raise RunError(f"expected the training image {name} that the driver has, got another on {self._place.node}")
        self._looked.add(name)


class _TestMeasurer:
    """The models on the test images; a `Measurer`. `tiles` are those that are measured."""

    def __init__(self, job: UniversalJob, setup: UniversalSetup) -> None:
        self.record = job.record
        self.tiles: Sequence[PointTile] = ()
        self._seed, self._setup = job.config.seed, setup

    def together(self, model: int) -> int:
        """One by one."""
        del model
        return 1

    def fingerprint(self, model: int, sample: str) -> str:
        """See `Measurer`; all models are tested on the same images, of which the first one's are recorded."""
        del model
        return self._setup.models[0].data.fingerprint(sample)

    def found(self, model: int, sample: str) -> bytes:
        """Nothing that others need."""
        del model, sample
        return b""

    def measure(self, model: int, samples: Sequence[str], store: Collected, settled: Callable[[str], None]) -> None:
        """The rows of each image."""
        for name in samples:
            store.append(rows(name, self._setup.models[model], self.tiles, self._seed, store))
            settled(name)


def looked_at(pool: Pool, names: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Of each training image, as it comes: its id, what is seen on it (`SHOWING`, `OTHER`), else why it failed."""
    for answer in pool.answers([_LOOK + name for name in names]):
        name = answer.key.removeprefix(_LOOK)
        if isinstance(answer, GivenUp):
            yield name, "failed", f"expected a worker to answer, got none: {answer.reason}"
        else:
            seen, reason = pickle.loads(answer.payload)
            yield name, seen, reason


def gradients_by(pool: Pool, point: str, images: Sequence[tuple[str, bool]], tick: Callable[[str], None]) -> Gradients:
    """Gradients that workers take, in the order of the turns.

    Args:
        pool: the workers.
        point: the name of the point whose tile is learnt.
        images: of an epoch, each with whether it is its mirror image's turn.
        tick: told of each image.
    """

    def gradients(tile: Tensor, turns: Sequence[Turn]) -> Iterable[tuple[Tensor, SampleResult]]:
        keys = [_TURN + json.dumps([place, *images[turn.lesson], *turn.shift]) for place, turn in enumerate(turns)]
        state = pickle.dumps((point, tile.detach().cpu().numpy()))
        for turn, payload in zip(turns, pool.round_of(state, keys), strict=True):
            slope, result = pickle.loads(payload)
            tick(images[turn.lesson][0])
            yield torch.from_numpy(slope).to(tile.device), result

    return gradients
