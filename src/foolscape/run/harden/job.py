"""What a worker does in a hardening: it attacks the images of a batch one by one, with the weights as they stand."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.cluster.job import STATE, Answer, Lease, WorkerPlace
from foolscape.cluster.pool import Pool
from foolscape.models.common.attention import attention
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.records.run import HardenRecord
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.setup import harden_record, open_network
from foolscape.run.harden.training import Craft, attack_generator, crafted
from foolscape.run.settings.device import ready_device
from foolscape.run.spread.run_job import refuse_other


@dataclass(frozen=True)
class HardenJob:
    """A hardening; a `cluster.Job`.

    Attributes:
        config: its settings.
        record: run.json.
    """

    config: HardenConfig
    record: HardenRecord

    def open(self, place: WorkerPlace) -> HardenWorker:
        """The network, which must be the driver's; raises as `RunJob.open`."""
        torch.set_num_threads(place.threads)
        device = ready_device(place.device)
        with attention(self.config.attention):
            setup = open_network(self.config, device, None, hashed=False)
        refuse_other(self.record, harden_record(self.config, setup, device, ()))
        return HardenWorker(self.config, setup.segmenter, setup.plan.ascent)


class HardenWorker:
    """A network whose weights follow the driver's; a `cluster.Worker`."""

    def __init__(self, config: HardenConfig, segmenter: ModuleSegmenter, attack: Ascent) -> None:
        self._config, self._segmenter, self._attack = config, segmenter, attack
        self._state = b""
        self._batch: Any = None

    def work(self, lease: Lease) -> Iterator[Answer]:
        """Each image of the lease attacked: (3, H, W) float32 in [0, 1], pickled."""
        self._follow(lease.inputs[STATE])
        images, labels, names, epoch = self._batch
        with attention(self._config.attention):
            for key in lease.keys:
                started, place = time.perf_counter(), int(key)
                image, label = images[place : place + 1], labels[place : place + 1]
                generator = attack_generator(self._config.seed, epoch, names[place])
                hurt = crafted(self._segmenter, image, label, self._attack, [generator])
                yield Answer(key, pickle.dumps(hurt[0].cpu().numpy()), seconds=time.perf_counter() - started)

    def _follow(self, state: bytes) -> None:
        """Take the weights and the batch of a step, unless they are here already."""
        if state == self._state:
            return
        weights, images, labels, names, epoch = pickle.loads(state)  # of the driver
        module = self._segmenter.module
        device = next(module.parameters()).device
        module.load_state_dict(load(weights))
        module.to(device).eval().requires_grad_(False)
        self._batch = (torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device), names, epoch)
        self._state = state


def crafting_by(pool: Pool, segmenter: ModuleSegmenter) -> Craft:
    """Workers attack the images of a batch, each by itself: it does not matter how many workers there are."""

    def craft(images: Tensor, labels: Tensor, names: Sequence[str], epoch: int) -> Tensor:
        weights = {name: value.detach().cpu().contiguous() for name, value in segmenter.module.state_dict().items()}
        state = pickle.dumps((save(weights), images.cpu().numpy(), labels.cpu().numpy(), tuple(names), epoch))
        payloads = pool.round_of(state, [str(place) for place in range(len(names))])
        return torch.stack([torch.from_numpy(pickle.loads(payload)) for payload in payloads]).to(images.device)

    return craft
