"""What a transfer takes, in gradients: each network's run, the ensembles, and every network on all that came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from foolscape.models.common.black_boxes import tally_of
from foolscape.pixels import to_unit
from foolscape.records.places import SHARD, SUMMARY
from foolscape.records.timings import read_timings
from foolscape.run.directory.store import RunStore
from foolscape.run.foresight import PER_GRADIENT, Estimate, estimate_of, proven, units_of
from foolscape.run.listener import Listener
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import LoadedModel
from foolscape.run.transfer.ensemble import Ensemble
from foolscape.run.transfer.matrix import Disturbance, Network
from foolscape.run.transfer.places import joint_place, own_place
from foolscape.run.trust.probes import cost


def foresee_transfer(
    networks: Sequence[Network],
    ensembles: Sequence[Ensemble],
    left: Mapping[str, int],
    measured: Mapping[str, int],
    disturbances: int,
    workers: int = 1,
) -> Estimate | None:
    """The estimate for what is left; None where nothing is, of clips and of black boxes.

    Args:
        networks, ensembles: of the transfer.
        left: images that are to be attacked yet, by the slug of the network or ensemble.
        measured: images that a network is to be measured on yet under all disturbances, by its slug.
        disturbances: how many there are.
        workers: that attack and measure.
    """
    entries = [network.entry for network in networks]
    if any(entry.subject.task.clips or tally_of(entry.scorer) is not None for entry in entries):
        return None
    units: list[tuple[LoadedModel, float]] = []
    for network in networks:
        entry, slug = network.entry, network.slug
        together = sum(
            left[ensemble.slug] * cost(entry.plan) for ensemble in ensembles if slug in ensemble.slugs and entry.plan
        )
        predictions = measured[slug] * disturbances / PER_GRADIENT
        units.append((entry, units_of(entry, left[slug], network.config.probes) + together + predictions))
    units = [(entry, count) for entry, count in units if count]
    if not units:
        return None
    image = to_unit(networks[0].setup.first).to(ready_device(networks[0].config.device))
    return estimate_of(units, "transfer", image, workers=workers)


def transfer_foreseen(
    networks: Sequence[Network],
    ensembles: Sequence[Ensemble],
    disturbances: Sequence[Disturbance],
    store: RunStore,
    listener: Listener,
    workers: int,
) -> AbstractContextManager[None]:
    """Tells what is left is estimated to take, and what it took, to a listener who wants to know."""
    if listener.foreseen is None:
        return nullcontext()
    listener.phase("estimating")
    ids = store.record.ids
    places = {network.slug: own_place(store.directory, network.slug) for network in networks}
    places |= {ensemble.slug: joint_place(store.directory, ensemble.slug) for ensemble in ensembles}
    left = {slug: _unattacked(place, ids) for slug, place in places.items()}
    measured = {one.slug: len(set(ids) - store.settled_ids(one.entry.subject.spec)) for one in networks}
    estimate = foresee_transfer(networks, ensembles, left, measured, len(disturbances), workers)
    return proven(estimate, listener.foreseen)


def _unattacked(place: Path, ids: Collection[str]) -> int:
    """How many images a run or ensemble is to attack yet, by the times of those that it has."""
    if any((place / name).exists() for name in (SUMMARY, SHARD)):
        return 0
    return len({*ids} - {name for _, name in read_timings(place)})
