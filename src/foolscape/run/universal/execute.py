"""A universal perturbation from its settings to its figures: learn a tile on one split, measure it on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch

from foolscape.models.checks.gradient import check_gradient, raise_unless_ok
from foolscape.models.common.attention import attention
from foolscape.pixels import to_unit
from foolscape.records.places import SUMMARY
from foolscape.records.run import SampleRecord, Split, UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.types import Object
from foolscape.report.form import having_form
from foolscape.run.checks.bounds import bound_notes
from foolscape.run.checks.steady import keep_consistency
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.directory.store import RunStore, lose_failures, open_run, universal_record
from foolscape.run.listener import Listener
from foolscape.run.settings.device import ready_device
from foolscape.run.slices.given import given_of
from foolscape.run.slices.kinds import sliced_in
from foolscape.run.slices.table import SliceTable
from foolscape.run.slices.write import write_slices
from foolscape.run.universal.config import MAIN, CurvePoint, UniversalConfig
from foolscape.run.universal.learning import learnt, training_images
from foolscape.run.universal.measure import PointTile, conditions, rows
from foolscape.run.universal.setup import TestedModel, UniversalSetup, open_universal
from foolscape.run.universal.summary import summarise
from foolscape.run.universal.targets import picture_sha256
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
) -> Object:
    """Learn and measure the perturbation that `config` describes in the directory `out`, or go on with it.

    `table` is what is known of the test images, to slice them by.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    with attention(config.attention):
        return _universal(config, out, command, listener, table)


def _universal(
    config: UniversalConfig, out: Path, command: Sequence[str], listener: Listener, table: SliceTable | None
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
    with open_run(out, _record(config, setup, device, command), conditions(config.points), listener.say) as store:
        if not universal_record(store).gradient:
            _check_gradient(config, setup, device, store, listener)
        for model in setup.models:
            entry, pair = model.entry, (setup.first, setup.beside)
            keep_consistency(entry.subject.spec, entry.scorer, pair, device, store, listener.say, 1)
        check_wiring(setup.models[0].universal_task.subject, setup.test_ids, config.seed, store, config.eval_classes)
        samples = TrainingSamples(setup.training)
        training = training_images(config, setup, samples, store)
        lose_failures(training.failures)
        learned = {
            point.name: learnt(config, point, setup, training.images, samples, store, listener)
            for point in config.points
        }
        tiles = []
        for point in config.points:
            tile = _tile(config, point, setup, learned[point.name].tile)
            write_tile(out, ARTEFACT if point.name == MAIN else f"points/{point.name}.safetensors", tile)
            tiles.append(PointTile(point, tile))
        for model in setup.models:
            _measure(model, setup, tiles, config, store, listener)
        with having_form(out):
            summary = summarise(config, setup, training, learned, store)
        store.finish(SUMMARY, summary)
        with having_form(out):
            if (run := sliced_in(out)) is not None:
                write_slices(out, run, given, listener.say)
    return summary


def _measure(
    model: TestedModel,
    setup: UniversalSetup,
    tiles: Sequence[PointTile],
    config: UniversalConfig,
    store: RunStore,
    listener: Listener,
) -> None:
    spec = model.entry.subject.spec
    settled_ids = store.settled_ids(spec)
    with listener.progress(f"{spec} on {config.test_split}", len(setup.test_ids), len(settled_ids)) as tick:
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


def _record(
    config: UniversalConfig, setup: UniversalSetup, device: torch.device, command: Sequence[str]
) -> UniversalRecord:
    """What run.json holds: everything that is needed to repeat the run."""
    train, test = setup.fingerprints
    return UniversalRecord(
        schema=SCHEMA,
        kind="universal",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config.model_dump(mode="json"),
        device=device.type,
        seed=config.seed,
        tile=(setup.tile.shape[1], setup.tile.shape[2]),
        start_sha256=setup.started,
        target_sha256=picture_sha256(config.target, setup.models[0].entry.classes),
        models=tuple(
            model.entry.record(model.task, truth)
            for model, truth in zip(setup.models, _truths(setup.models), strict=True)
        ),
        data_notes=tuple(setup.notes),
        train=Split(samples=len(setup.train_ids), sha256=digest_of(train), images=train),
        test=Split(samples=len(setup.test_ids), sha256=digest_of(test)),
        samples=tuple(SampleRecord(id=name, sha256=test[name]) for name in setup.test_ids),
        algorithms=algorithms(
            None,
            ("universal", *dict.fromkeys(model.task for model in setup.models)),
            (config.model, *config.transfer_to, config.data),
        ),
        versions=versions(),
    )


def _truths(models: Sequence[TestedModel]) -> list[str | None]:
    """For each model the folder of its truth: COCO's labels depend on the classes that a model brings."""
    folders_by_classes: dict[tuple[str, tuple[str, ...]], str] = {}
    folders: list[str | None] = []
    for model in models:
        if not model.labelled or model.data.classes is None:
            folders.append(None)
            continue
        count = sum(task == model.task for task, _ in folders_by_classes)
        own = model.task if not count else f"{model.task}-{count + 1}"
        folders.append(folders_by_classes.setdefault((model.task, tuple(model.data.classes)), own))
    return folders
