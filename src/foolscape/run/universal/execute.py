"""A universal perturbation from its settings to its figures: learn a tile on one split, measure it on another."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import torch

from foolscape.attacks.universal.learn import TrainingState
from foolscape.cluster.pool import Pool
from foolscape.models.checks.gradient import check_gradient, raise_unless_ok
from foolscape.models.common.attention import attention
from foolscape.pixels import to_unit
from foolscape.records.places import SUMMARY
from foolscape.records.training import TrainingRecord
from foolscape.records.types import Object
from foolscape.report.form import having_form
from foolscape.run.checks.bounds import bound_notes
from foolscape.run.checks.steady import keep_consistency
from foolscape.run.directory.losses import lose_failures
from foolscape.run.directory.store import RunStore, open_run, universal_record
from foolscape.run.directory.threads import own_threads
from foolscape.run.foresight import proven
from foolscape.run.listener import Listener
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.slices.given import given_of
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.spread.driver import measure_by_workers, workers
from foolscape.run.spread.engines import engine_of, refuse_no_engine
from foolscape.run.universal.config import MAIN, CurvePoint, UniversalConfig
from foolscape.run.universal.foresight import foresee_universal
from foolscape.run.universal.job import UniversalJob
from foolscape.run.universal.learning import epochs_learnt, learnt, training_images
from foolscape.run.universal.measure import PointTile, conditions, rows
from foolscape.run.universal.recording import universal_record_of
from foolscape.run.universal.setup import TestedModel, UniversalSetup, open_universal
from foolscape.run.universal.summary import summarise
from foolscape.run.universal.tile_file import UniversalTile, write_tile
from foolscape.run.universal.training_samples import TrainingSamples
from foolscape.run.wiring import check_wiring

ARTEFACT = "perturbation.safetensors"


def universal(
    config: UniversalConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    table: SliceTable | None = None,
    resources: Resources = ALONE,
) -> Object:
    """Learn and measure the perturbation that `config` describes in the directory `out`, or go on with it.

    `table` is what is known of the test images, to slice them by; `resources` with what it is carried out: workers take
    the gradients of training images and measure test images.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    refuse_no_engine(resources)
    with attention(config.attention):
        return _universal(config, out, command, listener, table, resources)


def _universal(
    config: UniversalConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    table: SliceTable | None,
    resources: Resources,
) -> Object:
    device = ready_device(config.device)
    setup = open_universal(config, device)
    given = given_of(setup.models[0].data, setup.test_ids, table)
    of_bounds = dict.fromkeys(note for bound in config.bounds for note in bound_notes(bound))
    for note in (
        *of_bounds,
        *setup.notes,
        *(f"{p.entry.subject.spec}: {n}" for p in setup.models for n in p.entry.notes),
    ):
        listener.say(note)
    record = replace(
        universal_record_of(config, setup, device, command),
        threads=resources.threads_of(own_threads()) if resources.spread else None,
    )
    with open_run(out, record, conditions(config.points), listener.say) as store:
        store.heard = listener.heard
        listener.phase("checks")
        if not universal_record(store).gradient:
            _check_gradient(config, setup, device, store, listener)
        for model in setup.models:
            entry, pair = model.entry, (setup.first, setup.beside)
            keep_consistency(entry.subject.spec, entry.scorer, pair, device, store, listener.say, 1)
        check_wiring(setup.models[0].universal_task.subject, setup.test_ids, config.seed, store, config.eval_classes)
        with (
            _foreseen(config, setup, store, listener, resources),
            _workers(config, device, store, listener, resources) as pool,
        ):
            training, learned = _learnt_and_measured(config, setup, store, listener, pool)
        listener.phase("summing up")
        with having_form(out):
            summary = summarise(config, setup, training, learned, store)
        store.finish(SUMMARY, summary)
        with having_form(out):
            if (run := sliced_in(out)) is not None:
                write_slices(out, run, given, listener.say)
    return summary


def _foreseen(
    config: UniversalConfig, setup: UniversalSetup, store: RunStore, listener: Listener, resources: Resources
) -> AbstractContextManager[None]:
    """Tells what is left is estimated to take, and what it took, to a listener who wants to know."""
    if listener.foreseen is None:
        return nullcontext()
    settled = {model.entry.subject.spec: store.settled_ids(model.entry.subject.spec) for model in setup.models}
    learned = epochs_learnt(config, store)
    return proven(foresee_universal(config, setup, learned, settled, resources.shared_by), listener.foreseen)


@contextmanager
def _workers(
    config: UniversalConfig, device: torch.device, store: RunStore, listener: Listener, resources: Resources
) -> Iterator[Pool | None]:
    """Workers where they were asked for."""
    record = universal_record(store)
    if not resources.spread:
        yield None
        return
    engine = engine_of(resources, str(device), record.threads or own_threads(), UniversalJob)
    with workers(UniversalJob(config, record), engine, store, listener) as pool:
        yield pool


def _learnt_and_measured(
    config: UniversalConfig, setup: UniversalSetup, store: RunStore, listener: Listener, pool: Pool | None
) -> tuple[TrainingRecord, dict[str, TrainingState]]:
    """Every tile learnt, written, and measured on every model."""
    samples = TrainingSamples(setup.training)
    training = training_images(config, setup, samples, store, pool)
    lose_failures(training.failures)
    learned = {
        point.name: learnt(config, point, setup, training.images, samples, store, listener, pool)
        for point in config.points
    }
    tiles = []
    for point in config.points:
        tile = _tile(config, point, setup, learned[point.name].tile)
        artefact = ARTEFACT if point.name == MAIN else f"points/{point.name}.safetensors"
        write_tile(store.directory, artefact, tile)
        tiles.append(PointTile(point, tile))
    if pool is not None:
        pool.share(pickle.dumps(tiles))
    for place, model in enumerate(setup.models):
        _measure((place, model), setup, tiles, config, store, listener, pool)
    return training, learned


def _measure(
    placed: tuple[int, TestedModel],
    setup: UniversalSetup,
    tiles: Sequence[PointTile],
    config: UniversalConfig,
    store: RunStore,
    listener: Listener,
    pool: Pool | None,
) -> None:
    """A model, with its place, on the test images that are not settled yet."""
    place, model = placed
    spec = model.entry.subject.spec
    settled_ids = store.settled_ids(spec)
    with listener.progress(f"{spec} on {config.test_split}", len(setup.test_ids), len(settled_ids)) as tick:
        if pool is not None:
            costs = dict.fromkeys(setup.test_ids, 1.0)
            for _ in measure_by_workers(pool, (place, spec), costs, store, tick):
                listener.stop_if_enough()
            return
        for name in setup.test_ids:
            if name not in settled_ids:
                store.append(rows(name, model, tiles, config.seed, store))
                tick(name)
                listener.stop_if_enough()


def _check_gradient(
    config: UniversalConfig, setup: UniversalSetup, device: torch.device, store: RunStore, listener: Listener
) -> None:
    """Refuse a model whose input gradient is wrong: it would look robust."""
    verdict = check_gradient(setup.models[0].entry.scorer, to_unit(setup.first).to(device), seed=config.seed)
    raise_unless_ok(verdict)
    listener.say(verdict.message)
    store.keep(gradient=asdict(verdict))


def _tile(config: UniversalConfig, point: CurvePoint, setup: UniversalSetup, values: torch.Tensor) -> UniversalTile:
    """The artefact of a point: its settings are those of a run that asks for it alone."""
    alone = {"eps": point.eps, "omega": point.omega, "sweep_eps": (), "sweep_omega": (), "transfer_to": ()}
    settings = config.model_copy(update=alone).model_dump(mode="json")
    return UniversalTile(values.cpu(), setup.models[0].entry.classes, settings)
