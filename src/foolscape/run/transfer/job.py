"""What a worker does in a transfer: attacks an ensemble on an image, or measures a network on what came of all attacks,
which comes with the lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from foolscape.cluster.job import WorkerPlace
from foolscape.models.common.attention import attention
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import Kind
from foolscape.records.run import TransferRecord
from foolscape.run.listener import never
from foolscape.run.settings.config import RunConfig
from foolscape.run.spread.collected import Collected
from foolscape.run.spread.run_job import refuse_other
from foolscape.run.spread.samples import SampleWorker, files_at, named_by
from foolscape.run.transfer.ensemble import Ensemble, attack_here, ensembles_of, folder_of
from foolscape.run.transfer.matrix import Disturbance, Network, disturbances_of
from foolscape.run.transfer.measure import rows_of_image
from foolscape.run.transfer.networks import open_networks
from foolscape.run.transfer.places import joint_place, own_place
from foolscape.run.transfer.recording import transfer_record


@dataclass(frozen=True)
class TransferJob:
    """The images of a transfer; a `cluster.Job`.

    Attributes:
        config: the settings of all networks.
        record: run.json.
    """

    config: RunConfig
    record: TransferRecord

    def open(self, place: WorkerPlace) -> SampleWorker:
        """Networks and data, which must be the driver's; raises as `RunJob.open`."""
        torch.set_num_threads(place.threads)
        with attention(self.config.attention):
            opened, ids = open_networks(
                self.config.model_copy(update={"device": place.device}), shared=bool(self.record.ensembles)
            )
        own = {"device": self.config.device}
        networks = [Network(one.config.model_copy(update=own), one.setup) for one in opened]
        refuse_other(self.record, transfer_record(self.record.config, networks, self.record.ensembles, ids, ()))
        ensembles = ensembles_in(self.record, networks)
        return SampleWorker(TransferMeasurer(self, networks, ensembles), place)


def ensembles_in(record: TransferRecord, networks: Sequence[Network]) -> list[Ensemble]:
    """The ensembles of a transfer, in the order of its record."""
    names = ["+".join(slugs) for slugs in record.ensembles]
    return ensembles_of(names, [network.entry for network in networks], [network.task for network in networks])


def place_of(ensemble: int, record: TransferRecord) -> int:
    """What leases call an ensemble, by its number: its place behind the networks."""
    return len(record.models) + ensemble


def batch_of(config: RunConfig) -> int:
    """Images of an ensemble go one by one unless a batch is given by number: what is found by trying is for one
    network.
    """
    return config.batch if isinstance(config.batch, int) else 1


class TransferMeasurer:
    """The networks and ensembles of a transfer; a `Measurer`."""

    def __init__(self, job: TransferJob, networks: Sequence[Network], ensembles: Sequence[Ensemble]) -> None:
        self.record = job.record
        self._networks, self._ensembles, self._config = networks, ensembles, job.config
        self._disturbances: Sequence[Disturbance] = disturbances_of(
            [network.slug for network in networks], job.record.ensembles
        )

    def together(self, model: int) -> int:
        """Networks are measured one by one."""
        return 1 if model < len(self._networks) else batch_of(self._config)

    def fingerprint(self, model: int, sample: str) -> str:
        """See `Measurer`; the networks' own runs have held it against the record of each."""
        return self._networks[min(model, len(self._networks) - 1)].setup.data.fingerprint(sample)

    def found(self, model: int, sample: str) -> bytes:
        """Nothing that others need."""
        del model, sample
        return b""

    def measure(self, model: int, samples: Sequence[str], store: Collected, settled: Callable[[str], None]) -> None:
        """The network on what was made of the images; or the change of an ensemble for them."""
        with attention(self._config.attention):
            if model >= len(self._networks):
                setting = (batch_of(self._config), self._config.seed)
                attack_here(self._ensembles[model - len(self._networks)], samples, setting, store, settled, never)
                return
            for name in samples:
                store.append(
                    rows_of_image(name, self._networks[model], self._disturbances, store.directory, self.record.layout)
                )
                settled(name)


def files_of(key: str, out: Path, record: TransferRecord) -> Mapping[str, bytes]:
    """The pictures in the runs of the transfer in `out` that the sample of `key` is measured on."""
    number, name = named_by(key)
    if number >= len(record.models):
        return {}
    layout = record.layout
    places: list[str] = []
    for slug in (model.slug for model in record.models):
        run = own_place(Path(), slug)
        clean = layout.found(out / run, Kind.IMAGE, name)
        attacked = layout.found(out / run, Kind.IMAGE, name, slug, ADVERSARIAL)
        places += [(run / clean).as_posix(), (run / attacked).as_posix()]
    for slugs in record.ensembles:
        folder = joint_place(Path(), folder_of(slugs))
        place = layout.found(out / folder, Kind.IMAGE, name, condition=ADVERSARIAL)
        places.append((folder / place).as_posix())
    return files_at(out, places)
