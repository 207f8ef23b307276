"""Transfer: the perturbations of every network on every network, alone and summed, across tasks too.

A run per network makes the perturbations (run/execute.py); what is added here is measuring every network on the 8-bit
images of the others. Xie et al. (2017), section 5, measure transfer across networks, training sets and tasks, and sum
perturbations of different networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.controls import shuffled
from foolscape.errors import SampleError
from foolscape.metrics.distortion import distortion
from foolscape.models.common.attention import attention
from foolscape.pixels import to_image
from foolscape.records.conditions import ADVERSARIAL, PERMUTED, Condition
from foolscape.records.places import MATRIX, RUNS, Kind, Layout
from foolscape.records.row import AnyRow, Line, Row, failure
from foolscape.records.run import EnsembleRecord, Keep, SampleRecord, TransferRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.types import Object
from foolscape.report import write_report
from foolscape.report.form import having_form
from foolscape.report.pages.transfer import write_transfer_report
from foolscape.run.directory.album import read_image
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.directory.shards import finish_shard
from foolscape.run.directory.store import RunStore, let_go, open_run
from foolscape.run.execute import execute
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.listener import Listener
from foolscape.run.scores.controls import sized
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.sharding import shard_record
from foolscape.run.slices.given import given_of
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.let_go import traits_of
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.transfer.ensemble import Ensemble, attack_together, ensembles_of, folder_of
from foolscape.run.transfer.matrix import Disturbance, Network, disturbances_of, summarise
from foolscape.run.transfer.networks import open_networks
from foolscape.run.transfer.settings import make_transfer_config
from foolscape.seeds import generator_for

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
    config, ensemble_names = make_transfer_config(settings)
    with attention(config.attention):
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
    record = replace(_record(settings, networks, ensembles, ids, command), shard=shard)
    with open_run(out, record, [d.name for d in disturbances], listener.say, keep) as store:
        done = all(set(record.ids) <= store.settled_ids(network.entry.subject.spec) for network in networks)
        own_keep: Keep = store.record.kept if done else "all"
        runs = {
            network.slug: execute(
                network.config, _place(out, network.slug), command, listener, network.setup, table=table,
                keep=own_keep, resources=resources,
            )
            for network in networks
        }  # fmt: skip
        for ensemble in ensembles:
            _attack(ensemble, networks, record, out, listener, _of_no_page(own_keep))
        for network in networks:
            _measure(network, disturbances, store, listener)
        if shard is not None:
            return finish_shard(store)
        verdicts = {slug: run["trust"] for slug, run in runs.items()}
        with having_form(out):
            matrix = summarise(store, networks, ensembles, disturbances, verdicts)
        store.finish(MATRIX, matrix)
        with having_form(out):
            if (run := sliced_in(out)) is not None:
                write_slices(out, run, given, listener.say)
        write_transfer_report(out)
        if not done:
            _let_go(store.record.kept, out, networks, ensembles)
    return matrix


def _measure(network: Network, disturbances: Sequence[Disturbance], store: RunStore, listener: Listener) -> None:
    """One network on every image that is not settled yet, under every disturbance."""
    spec, ids = network.entry.subject.spec, store.record.ids
    settled_ids = store.settled_ids(spec)
    with listener.progress(f"transfer to {spec}", len(ids), len(settled_ids)) as tick:
        for name in ids:
            if name not in settled_ids:
                store.append(_rows(name, network, disturbances, store.directory, store.record.layout))
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
        let_go(_place(out, network.slug), keep, traits_of)
        write_report(_place(out, network.slug))
    for ensemble in ensembles:
        let_go(_joint_place(out, ensemble.slug), _of_no_page(keep), traits_of)


def _attack(
    ensemble: Ensemble,
    networks: Sequence[Network],
    whole: TransferRecord,
    out: Path,
    listener: Listener,
    keep: Keep,
) -> None:
    """Make the change of an ensemble, as far as it is not there.

    Images go one by one unless a batch is given by number: what is found by trying is for one network.
    """
    config = networks[0].config
    batch = config.batch if isinstance(config.batch, int) else 1
    members = [network for network in networks if network.slug in ensemble.slugs]
    record = EnsembleRecord(
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
        samples=whole.samples,
        shard=whole.shard,
    )
    attack_together(
        ensemble,
        whole.ids,
        _joint_place(out, ensemble.slug),
        record,
        (batch, config.seed),
        listener,
        keep,
    )


def _joint_place(out: Path, slug: str) -> Path:
    return out / "ensembles" / slug


def _place(out: Path, slug: str) -> Path:
    return out / RUNS / slug


def _record(
    config: Object,
    networks: Sequence[Network],
    ensembles: Sequence[Ensemble],
    ids: Sequence[str],
    command: Sequence[str],
) -> TransferRecord:
    return TransferRecord(
        schema=SCHEMA,
        kind="transfer",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config,
        configs=tuple(network.config.model_dump(mode="json") for network in networks),
        models=tuple(network.record for network in networks),
        algorithms=algorithms(
            None,
            ("transfer", *dict.fromkeys(network.task for network in networks)),
            (*(network.entry.subject.spec for network in networks), networks[0].config.data),
        ),
        versions=versions(),
        samples=tuple(SampleRecord(id=name) for name in ids),
        ensembles=tuple(ensemble.slugs for ensemble in ensembles),
    )


def _rows(name: str, network: Network, disturbances: Sequence[Disturbance], out: Path, layout: Layout) -> list[Line]:
    """One network on one image under every disturbance."""
    subject = network.entry.subject
    try:
        case = subject.load(name)
        images = list(_disturbed(case.image, name, disturbances, out, network.config.seed, layout))
    except FAULTS as error:
        return [failure(subject.spec, name, reason_of(error))]
    rows: list[Line] = []
    lengths: dict[tuple[tuple[str, ...], bool], float] = {}
    for disturbance, image in zip(disturbances, images, strict=True):
        try:
            prediction = subject.predict(case, image) if disturbance.sources else case.prediction
        except FAULTS as error:
            return [failure(subject.spec, name, reason_of(error))]
        sample, (height, width) = subject.measured(case, prediction), image.shape[:2]
        row: AnyRow = Row(
            model=subject.spec,
            id=name,
            condition=Condition(disturbance.name),
            size=(height, width),
            measured=sample.measured,
            truth=sample.truth,
        )
        if disturbance.sources:
            moved = distortion(case.image, image)
            # Every change comes before its own control.
            own = lengths.setdefault((disturbance.sources, disturbance.joint), moved.l2)
            size = sized(PERMUTED, moved.l2, own) if disturbance.permuted else None
            row = replace(row, distortion=moved, control=size)
        rows.append(row)
    return rows


def _disturbed(
    clean: Pixels, name: str, disturbances: Sequence[Disturbance], out: Path, seed: int, layout: Layout
) -> Iterator[Pixels]:
    """The 8-bit image of every disturbance; sums are clipped to the pixel range."""
    slugs = {slug for disturbance in disturbances for slug in disturbance.sources}
    changes = {slug: _change(out, slug, name, clean, layout) for slug in slugs}
    for disturbance in disturbances:
        if disturbance.joint:
            change = _joint_change(out, disturbance, name, clean, layout)
        else:
            change = sum((changes[slug] for slug in disturbance.sources), np.zeros(clean.shape, np.int16))
        image = np.clip(clean + change, 0, 255).astype(np.uint8)
        if disturbance.permuted:
            # A network's own change is shuffled as in its own run, so that both say the same.
            kind = "ensemble" if disturbance.joint else "transfer"
            used_for = (kind, *disturbance.sources) if len(disturbance.sources) > 1 else ("permuted",)
            generator = generator_for(seed, *used_for, name)
            image = to_image(shuffled(_planes(clean), _planes(image), generator))
        yield image


def _change(out: Path, slug: str, name: str, clean: Pixels, layout: Layout) -> NDArray[np.int16]:
    """What the attack on the network `slug` changed in an image, in levels."""
    run = _place(out, slug)
    path = run / layout.found(run, Kind.IMAGE, name, slug, ADVERSARIAL)
    if not path.exists():
        raise SampleError(f"expected the image that {slug} was attacked on, got none: its own run gave it up")
    if not np.array_equal(read_image(run / layout.found(run, Kind.IMAGE, name)), clean):
        raise SampleError(f"expected the same pixels for every network, got others for {slug}; give one --size")
    return read_image(path).astype(np.int16) - clean


def _joint_change(out: Path, disturbance: Disturbance, name: str, clean: Pixels, layout: Layout) -> NDArray[np.int16]:
    """What the attack on an ensemble changed in an image, in levels."""
    folder = _joint_place(out, folder_of(disturbance.sources))
    path = folder / layout.found(folder, Kind.IMAGE, name, condition=ADVERSARIAL)
    if not path.exists():
        raise SampleError(f"expected the image that the {disturbance.name} was attacked on, got none: it was given up")
    return read_image(path).astype(np.int16) - clean


def _planes(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()
