"""A run whose directory is open, and what its steps all need of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from foolscape.pixels import to_unit
from foolscape.records.beside import AnyProbes
from foolscape.run.batch_size import Room
from foolscape.run.directory.store import RunStore, run_record
from foolscape.run.gradient_check import check_input_gradient, is_right_alone
from foolscape.run.listener import Listener
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import LoadedModel, Setup
from foolscape.run.trust.probes import place_of


@dataclass(frozen=True)
class RunUnderWay:
    """A run whose directory is open.

    Attributes:
        config, setup, device, listener: as of `execute`.
        store: of its directory.
    """

    config: RunConfig
    setup: Setup
    device: torch.device
    listener: Listener
    store: RunStore

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the samples that are measured here."""
        return run_record(self.store).ids

    @property
    def room(self) -> Room:
        """What each model has room for."""
        return Room(self.store, self.listener.say)

    @property
    def left(self) -> bool:
        """Whether an image is still to be measured, or other attacks are still to be tried."""
        probed = run_record(self.store).shard is None and self.config.probes != 0
        return any(
            not set(self.ids) <= self.settled(entry)
            or (probed and entry.probes and not self.store.load_json(place_of(entry.subject.slug), AnyProbes))
            for entry in self.setup.entries
        )

    def check(self, entry: LoadedModel, batch: int) -> None:
        """Refuse a model whose input gradient is wrong."""
        first = to_unit(self.setup.first).to(self.device)
        check_input_gradient(first, self.config.seed, self.store, self.listener, entry, batch)

    def takes_one(self, entry: LoadedModel) -> bool:
        """Whether a few images may be attacked one by one; copies would fill the run's batch, and cost as much."""
        first = to_unit(self.setup.first).to(self.device)
        batch = self.room.batch_of(entry.subject.spec)
        return not self.config.compile and is_right_alone(first, self.config.seed, self.store, entry, batch)

    def settled(self, entry: LoadedModel) -> set[str]:
        """The samples of which there is nothing left to be measured."""
        return self.store.settled_ids(entry.subject.spec) | self.store.settled_ids(None)
