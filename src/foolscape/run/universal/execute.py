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
from foolscape.run.universal.config import MAIN, Point, UniversalConfig
from foolscape.run.universal.learning import learnt, training_images
from foolscape.run.universal.lessons import TrainingSamples
from foolscape.run.universal.measure import PointTile, conditions, rows
from foolscape.run.universal.setup import Stand, TestedModel, open_stand
from foolscape.run.universal.summary import summarise
from foolscape.run.universal.targets import picture_sha256
from foolscape.run.universal.tile_file import Tile, write_tile
from foolscape.run.wiring import check_wiring

ARTEFACT = "perturbation.safetensors"


def universal(config: UniversalConfig, out: Path, command: Sequence[str], listener: Listener) -> Object:
    """Learn and measure the perturbation that `config` describes in the directory `out`, or go on with it.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    with attention(config.attention):
        return _universal(config, out, command, listener)


def _universal(config: UniversalConfig, out: Path, command: Sequence[str], listener: Listener) -> Object:
    device = ready_device(config.device)
    stand = open_stand(config, device)
    of_bounds = dict.fromkeys(note for bound in config.bounds for note in bound_notes(bound))
    for note in (
        *of_bounds,
        *stand.notes,
        *(f"{p.entry.subject.spec}: {n}" for p in stand.pupils for n in p.entry.notes),
    ):
        listener.say(note)
    with open_run(out, _record(config, stand, device, command), conditions(config.points), listener.say) as store:
        if not universal_record(store).gradient:
            _check_gradient(config, stand, device, store, listener)
        for pupil in stand.pupils:
            entry, pair = pupil.entry, (stand.first, stand.beside)
            keep_consistency(entry.subject.spec, entry.scorer, pair, device, store, listener.say, 1)
        check_wiring(stand.pupils[0].teaching.subject, stand.test_ids, config.seed, store)
        lessons = TrainingSamples(stand.training)
        training = training_images(config, stand, lessons, store)
        lose_failures(training.failures)
        learned = {
            point.name: learnt(config, point, stand, training.images, lessons, store, listener)
            for point in config.points
        }
        inks = []
        for point in config.points:
            tile = _tile(config, point, stand, learned[point.name].tile)
            write_tile(out, ARTEFACT if point.name == MAIN else f"points/{point.name}.safetensors", tile)
            inks.append(PointTile(point, tile))
        for pupil in stand.pupils:
            _measure(pupil, stand, inks, config, store, listener)
        with having_form(out):
            summary = summarise(config, stand, training, learned, store)
        store.finish(SUMMARY, summary)
    return summary


def _measure(
    pupil: TestedModel,
    stand: Stand,
    inks: Sequence[PointTile],
    config: UniversalConfig,
    store: RunStore,
    listener: Listener,
) -> None:
    spec = pupil.entry.subject.spec
    settled = store.settled(spec)
    with listener.progress(f"{spec} on {config.test_split}", len(stand.test_ids), len(settled)) as tick:
        for name in stand.test_ids:
            if name not in settled:
                store.append(rows(name, pupil, inks, config.seed, store))
                tick(name)


def _check_gradient(
    config: UniversalConfig, stand: Stand, device: torch.device, store: RunStore, listener: Listener
) -> None:
    """Refuse a model whose input gradient is wrong: it would look robust."""
    verdict = check_gradient(stand.pupils[0].entry.scorer, to_unit(stand.first).to(device), seed=config.seed)
    raise_unless_ok(verdict)
    listener.say(verdict.message)
    store.keep(gradient=asdict(verdict))


def _tile(config: UniversalConfig, point: Point, stand: Stand, values: torch.Tensor) -> Tile:
    """The artefact of a point: its settings are those of a run that asks for it alone."""
    alone = {"eps": point.eps, "omega": point.omega, "sweep_eps": (), "sweep_omega": (), "transfer_to": ()}
    settings = config.model_copy(update=alone).model_dump(mode="json")
    return Tile(values.cpu(), stand.pupils[0].entry.classes, settings)


def _record(config: UniversalConfig, stand: Stand, device: torch.device, command: Sequence[str]) -> UniversalRecord:
    """What run.json holds: everything that is needed to repeat the run."""
    train, test = stand.fingerprints
    return UniversalRecord(
        schema=SCHEMA,
        kind="universal",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config.model_dump(mode="json"),
        device=device.type,
        seed=config.seed,
        tile=(stand.tile.shape[1], stand.tile.shape[2]),
        start_sha256=stand.started,
        target_sha256=picture_sha256(config.target, stand.pupils[0].entry.classes),
        models=tuple(
            pupil.entry.record(pupil.task, truth)
            for pupil, truth in zip(stand.pupils, _truths(stand.pupils), strict=True)
        ),
        data_notes=tuple(stand.notes),
        train=Split(samples=len(stand.train_ids), sha256=digest_of(train), images=train),
        test=Split(samples=len(stand.test_ids), sha256=digest_of(test)),
        samples=tuple(SampleRecord(id=name, sha256=test[name]) for name in stand.test_ids),
        algorithms=algorithms(
            None,
            ("universal", *dict.fromkeys(pupil.task for pupil in stand.pupils)),
            (config.model, *config.transfer_to, config.data),
        ),
        versions=versions(),
    )


def _truths(pupils: Sequence[TestedModel]) -> list[str | None]:
    """For each model the folder of its truth: COCO's labels depend on the classes that a model brings."""
    found: dict[tuple[str, tuple[str, ...]], str] = {}
    folders: list[str | None] = []
    for pupil in pupils:
        if not pupil.labelled or pupil.data.classes is None:
            folders.append(None)
            continue
        known = sum(task == pupil.task for task, _ in found)
        own = pupil.task if not known else f"{pupil.task}-{known + 1}"
        folders.append(found.setdefault((pupil.task, tuple(pupil.data.classes)), own))
    return folders
