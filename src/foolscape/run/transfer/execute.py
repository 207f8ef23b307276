"""Transfer: the perturbations of every network on every network, alone and summed, across tasks too.

A run per network makes the perturbations (run/execute.py); what is added here is measuring every network on the 8-bit
images of the others. Xie et al. (2017), section 5, measure transfer across networks, training sets and tasks, and sum
perturbations of different networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foolscape.cluster.keeping import engines_kept
from foolscape.cluster.pool import Pool
from foolscape.data.costs import cost_of
from foolscape.models.common.attention import attention
from foolscape.records.places import MATRIX
from foolscape.records.run import EnsembleRecord, Keep, TransferRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.types import Object
from foolscape.report import write_report
from foolscape.report.form import having_form
from foolscape.report.pages.transfer import write_transfer_report
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.directory.shards import finish_shard
from foolscape.run.directory.store import RunStore, let_go, open_run
from foolscape.run.directory.threads import own_threads
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.sharding import shard_record
from foolscape.run.slices.given import given_of
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.let_go import traits_of
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.spread.driver import measure_by_workers, workers
from foolscape.run.spread.engines import engine_of, refuse_no_engine
from foolscape.run.transfer.ensemble import Ensemble, attack_here, attack_together, ensembles_of
from foolscape.run.transfer.foresight import transfer_foreseen
from foolscape.run.transfer.job import TransferJob, batch_of, files_of, place_of
from foolscape.run.transfer.matrix import Disturbance, Network, disturbances_of, summarise
from foolscape.run.transfer.measure import rows_of_image
from foolscape.run.transfer.networks import open_networks
from foolscape.run.transfer.places import joint_place, own_place
from foolscape.run.transfer.recording import transfer_record
from foolscape.run.transfer.settings import make_transfer_config

Pixels = NDArray[np.uint8]


def transfer(
    settings: Mapping[str, object],
    out: Path,
    command: Sequence[str],
    listener: Listener,
    table: SliceTable | None = None,
    keep: Keep | None = None,
    resources: Resources = ALONE,
) -> Object:
    """Attack every network of `settings` and measure every network on all that came of it.

    Args:
        settings: as of `make_config`, with two models or more; `task` is left out, for each model tells its own.
            `goal`, `only_class` and `resample_candidates` are for the detectors among them. `ensembles`: see
            `ensembles_of`.
        out: the directory; each network's own run goes to `runs/SLUG` in it, each ensemble's change to
            `ensembles/SLUG`.
        command, listener, table, keep, resources: as of `execute`. The networks' own runs keep all pictures until every
            network was measured on them.

    Returns:
        What transfer.json holds, of a shard what `ShardDone` says.

    Raises:
        FoolscapeError: as of `execute`; what is in `out` can be continued by the same call.
    """
    refuse_no_engine(resources)
    config, ensemble_names = make_transfer_config(settings)
    with attention(config.attention), engines_kept():
        return _transferred(config, ensemble_names, out, command, listener, table, keep, resources)


def _transferred(
    config: RunConfig,
    ensemble_names: Sequence[str],
    out: Path,
    command: Sequence[str],
    listener: Listener,
    table: SliceTable | None,
    keep: Keep | None,
    resources: Resources,
) -> Object:
    """`transfer` of settings that were checked."""
    networks, ids = open_networks(config, shared=bool(ensemble_names))
    given = given_of(networks[0].setup.data, ids, table)
    ensembles = ensembles_of(ensemble_names, [n.entry for n in networks], [n.task for n in networks])
    disturbances = disturbances_of([n.slug for n in networks], [ensemble.slugs for ensemble in ensembles])
    shard = shard_record(resources, networks[0].setup.data, ids, (network.entry.plan for network in networks))
    settings = config.model_dump(mode="json") | {"ensembles": list(ensemble_names)}
    record = replace(
        transfer_record(settings, networks, [ensemble.slugs for ensemble in ensembles], ids, command, shard),
        threads=resources.threads_of(own_threads()) if resources.spread else None,
    )
    with open_run(out, record, [d.name for d in disturbances], listener.say, keep) as store:
        store.heard = listener.heard
        done = all(set(record.ids) <= store.settled_ids(network.entry.subject.spec) for network in networks)
        own_keep: Keep = store.record.kept if done else "all"
        with transfer_foreseen(networks, ensembles, disturbances, store, listener, resources.shared_by):
            quiet = replace(listener, foreseen=None)  # what the networks' own runs take is in the estimate of the whole
            runs = {
                network.slug: execute(
                    network.config, own_place(out, network.slug), command, quiet, network.setup, table=table,
                    keep=own_keep, resources=resources,
                )
                for network in networks
            }  # fmt: skip
            with _workers(config, store, listener, resources) as pool:
                for number, ensemble in enumerate(ensembles):
                    whole = _Whole(networks, record, out, listener, pool)
                    _attack((number, ensemble), whole, _of_no_page(own_keep))
                for place, network in enumerate(networks):
                    _measure((place, network), disturbances, store, listener, pool)
        if shard is not None:
            return finish_shard(store)
        listener.phase("summing up")
        verdicts = {slug: run["trust"] for slug, run in runs.items()}
        with having_form(out):
            matrix = summarise(store, networks, ensembles, disturbances, verdicts)
        store.finish(MATRIX, matrix)
        with having_form(out):
            if (run := sliced_in(out)) is not None:
                write_slices(out, run, given, listener.say)
        listener.phase("page")
        write_transfer_report(out)
        if not done:
            _let_go(store.record.kept, out, networks, ensembles)
    return matrix


@contextmanager
def _workers(config: RunConfig, store: RunStore, listener: Listener, resources: Resources) -> Iterator[Pool | None]:
    """Workers where they were asked for and something is left to measure."""
    record = store.record
    assert isinstance(record, TransferRecord)
    settled = (store.settled_ids(model.model) for model in record.models)
    if not resources.spread or all(set(record.ids) <= ids for ids in settled):
        yield None
        return
    engine = engine_of(resources, str(ready_device(config.device)), record.threads or own_threads(), TransferJob)
    with workers(TransferJob(config, record), engine, store, listener) as pool:
        yield pool


def _measure(
    placed: tuple[int, Network],
    disturbances: Sequence[Disturbance],
    store: RunStore,
    listener: Listener,
    pool: Pool | None,
) -> None:
    """One network, with its place, on every image that is not settled yet, under every disturbance."""
    place, network = placed
    spec, record = network.entry.subject.spec, store.record
    assert isinstance(record, TransferRecord)
    settled_ids = store.settled_ids(spec)
    with listener.progress(f"transfer to {spec}", len(record.ids), len(settled_ids)) as tick:
        if pool is not None:
            costs = {name: cost_of(network.setup.data, name) for name in record.ids}
            inputs = partial(files_of, out=store.directory, record=record)
            for _ in measure_by_workers(pool, (place, spec), costs, store, tick, inputs):
                listener.stop_if_enough()
            return
        for name in record.ids:
            if name not in settled_ids:
                store.append(rows_of_image(name, network, disturbances, store.directory, record.layout))
                tick(name)
                listener.stop_if_enough()


def _of_no_page(keep: Keep) -> Keep:
    """What is kept of pictures that no page shows."""
    return "none" if keep == "shown" else keep


def _let_go(keep: Keep, out: Path, networks: Sequence[Network], ensembles: Sequence[Ensemble]) -> None:
    """Let the pictures go that a transfer is not to keep, now that it was measured on them."""
    if keep == "all":
        return
    for network in networks:
        let_go(own_place(out, network.slug), keep, traits_of)
        write_report(own_place(out, network.slug))
    for ensemble in ensembles:
        let_go(joint_place(out, ensemble.slug), _of_no_page(keep), traits_of)


@dataclass(frozen=True)
class _Whole:
    """A transfer whose ensembles are attacked; `pool`: by whom, None for this process."""

    networks: Sequence[Network]
    record: TransferRecord
    out: Path
    listener: Listener
    pool: Pool | None

    def costs(self) -> dict[str, float]:
        """Of each image."""
        return {name: cost_of(self.networks[0].setup.data, name) for name in self.record.ids}


def _attack(numbered: tuple[int, Ensemble], whole: _Whole, keep: Keep) -> None:
    """Make the change of an ensemble, with its number, as far as it is not there."""
    (number, ensemble), record, listener = numbered, whole.record, whole.listener
    config = whole.networks[0].config

    def attack(store: RunStore, tick: Callable[[str], None]) -> None:
        if whole.pool is None:
            attack_here(ensemble, record.ids, (batch_of(config), config.seed), store, tick, listener.enough)
            return
        named = (place_of(number, record), ensemble.name)
        for _ in measure_by_workers(whole.pool, named, whole.costs(), store, tick):
            listener.stop_if_enough()

    place = joint_place(whole.out, ensemble.slug)
    attack_together(ensemble, record.ids, place, _ensemble_record(ensemble, whole), listener, keep, attack)


def _ensemble_record(ensemble: Ensemble, whole: _Whole) -> EnsembleRecord:
    config = whole.networks[0].config
    members = [network for network in whole.networks if network.slug in ensemble.slugs]
    return EnsembleRecord(
        schema=SCHEMA,
        kind="ensemble",
        foolscape=version("foolscape"),
        command=(),
        config={},
        models=tuple(network.record for network in members),
        algorithms=algorithms(
            config.attack, ("transfer",), (*(network.record.model for network in members), config.data)
        ),
        versions=versions(),
        attack=ensemble.settings,
        seed=config.seed,
        samples=whole.record.samples,
        shard=whole.record.shard,
    )
