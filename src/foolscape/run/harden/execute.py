"""A hardening from its settings to its figures: measure the network, train it, measure it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import torch

from foolscape.attacks.plan import Plan
from foolscape.data.drawing import chosen
from foolscape.data.load import open_data
from foolscape.data.mapped import with_class_map
from foolscape.data.sample import SegmentationData
from foolscape.errors import CheckpointError, DataError, ModelError, SampleError, SettingError
from foolscape.models.common.attention import attention
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.records.places import SUMMARY
from foolscape.records.reader import read_record
from foolscape.records.rows import read_rows
from foolscape.records.run import HardenRecord, Split
from foolscape.records.schema import SCHEMA
from foolscape.records.training import LeftOut, TrainingRecord
from foolscape.records.types import Object, to_json
from foolscape.report.form import having_form
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.directory.store import RunStore, lose_failures, open_run
from foolscape.run.execute import execute
from foolscape.run.harden.checkpoint import read_trainer, write_trainer, write_weights
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.pictures import TrainingImages, check_size
from foolscape.run.harden.summary import summarise
from foolscape.run.harden.training import TrainConfig, Trainer
from foolscape.run.listener import Listener
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.task_of import task_of
from foolscape.run.setup import LoadedModel, open_setup, over_evaluated
from foolscape.run.slices.table import SliceTable
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.spec import BLACK_BOXES, EXPORTED, parse, written
from foolscape.tasks.base import SEGMENTATION

WEIGHTS = "weights.safetensors"
"""The hardened network; `?weights=` reads it."""

_CHECKPOINT, _TRAINING = "checkpoint.safetensors", "training.json"


@dataclass(frozen=True)
class _Setup:
    """Everything loaded and settled before the first epoch."""

    entry: LoadedModel
    subject: SegmentationSubject
    segmenter: ModuleSegmenter
    plan: Plan
    train_ids: tuple[str, ...]
    test_ids: tuple[str, ...]
    fingerprints: tuple[dict[str, str], dict[str, str]]


def harden(
    config: HardenConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    training: SegmentationData | None = None,
    table: SliceTable | None = None,
) -> Object:
    """Train the network that `config` names on attacked images in the directory `out`, or go on with it.

    Args:
        config: the settings.
        out: gets the weights, the runs `before` and `after`, and the summary.
        command: for run.json.
        listener: told of the progress.
        training: the training split where it is open already, say because its images lie in a cache; it must hold what
            the config names.
        table: what is known of the test images, to slice them by.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    with attention(config.attention):
        return _hardened(config, out, command, listener, training, table)


def _hardened(
    config: HardenConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    training: SegmentationData | None,
    table: SliceTable | None,
) -> Object:
    device = ready_device(config.device)
    setup = open_network(config, device, training)
    record = _record(config, setup, device, command)
    with open_run(out, record, (), listener.say) as store:
        # The run before training checks the input gradient: on a wrong one nothing can be trained.
        before = execute(config.on_test(config.model), out / "before", command, listener, table=table)
        images = _training_images(config, setup, store, pictures := TrainingImages(setup.subject), listener)
        lose_failures(images.failures)
        trainer = _trained(config, setup, images.images, pictures, store, listener)
        write_weights(out, WEIGHTS, trainer.segmenter.module)
        hardened = with_weights(config.model, out / WEIGHTS)
        after = execute(config.on_test(hardened), out / "after", command, listener, table=table)
        rows = {when: read_rows(out / when, read_record(out / when)) for when in ("before", "after")}
        runs = {"before": before, "after": after}
        listener.phase("summing up")
        with having_form(out):
            summary = summarise(record, hardened, images, trainer.epochs, runs, rows)
        store.finish(SUMMARY, summary)
    return summary


def with_weights(text: str, weights: Path) -> str:
    """The model spec `text` with the weights at `weights` in the place of its own."""
    spec = parse(text)
    options = {name: value for name, value in spec.options.items() if name != "weights"} | {"weights": str(weights)}
    return written(spec.scheme, spec.rest, options)


def open_network(config: HardenConfig, device: torch.device, training: SegmentationData | None) -> _Setup:
    """Open network and data and check them against each other."""
    if parse(config.model).scheme in (*EXPORTED, *BLACK_BOXES):
        raise SettingError(
            f"model: expected a network into which trained weights can be loaded, got {config.model}; train the one "
            "that it was made of"
        )
    task = task_of(config.model)
    if task != SEGMENTATION.name:
        raise SettingError(f"model: expected a segmentation network to train, got {config.model}, which is for {task}")
    (entry,) = open_setup(config.on_training, device).entries
    subject = entry.subject
    assert isinstance(subject, SegmentationSubject)
    segmenter = subject.segmenter
    if not isinstance(segmenter, ModuleSegmenter) or not any(
        p.is_floating_point() for p in segmenter.module.parameters()
    ):
        raise ModelError(
            f"model: expected a torch.nn.Module with weights, which foolscape adapts itself, got {config.model}; a "
            "ready-made segmenter hides its network: let the factory return the network"
        )
    if subject.channels is None:
        raise DataError(f"data: expected images with labels to train on, got {config.data}, which has none")
    subject = subject if training is None else replace(subject, data=training)
    train_ids = chosen(subject.data, None, config.train_limit, config.train_sample, seed=config.seed).ids
    opened = open_data(config.data, split=config.test_split, classes=entry.classes)
    mapped = with_class_map(opened, config.class_map)
    tested, _ = over_evaluated(config.on_test(config.model), [entry.classes], mapped, mapped)
    test_ids = chosen(tested, None, config.test_limit, config.test_sample, seed=config.seed).ids
    train = {name: subject.data.fingerprint(name) for name in train_ids}
    test = {name: tested.fingerprint(name) for name in test_ids}
    if shared := [name for name, value in test.items() if value in set(train.values())]:
        raise DataError(
            f"expected test images that are not in the training split, got {len(shared)} that are ({shared[0]}, ...); "
            "figures on the images that a network was trained on mean nothing"
        )
    plan = config.plan(entry.classes)
    return _Setup(entry, subject, segmenter, plan, train_ids, test_ids, (train, test))


def check_batch(config: HardenConfig, usable: int, listed: int) -> None:
    """Raise DataError where `usable` of the `listed` training images make no whole batch."""
    if usable < config.batch:
        raise DataError(
            f"expected at least {config.batch} training images, a whole batch, got {usable} of "
            f"{listed} that can be used; give a smaller --batch"
        )


def _training_images(
    config: HardenConfig, setup: _Setup, store: RunStore, pictures: TrainingImages, listener: Listener
) -> TrainingRecord:
    """Which training images can be used, as training.json holds it; looked at once.

    Raises:
        DataError: too few for a batch.
        SettingError: their sizes do not fit.
    """
    if (there := store.load_record(_TRAINING, TrainingRecord)) is not None:
        return there
    usable: list[str] = []
    failures: list[LeftOut] = []
    first: tuple[int, int] | None = None
    with listener.progress(f"reading {config.train_split}", len(setup.train_ids), 0) as tick:
        for name in setup.train_ids:
            tick(name)
            try:
                picture = pictures(name)
            except SampleError as error:
                failures.append(LeftOut(id=name, reason=str(error)))
                continue
            height, width = picture.labels.shape
            first = first or (height, width)
            check_size(picture, config.crop, first, name)
            usable.append(name)
    check_batch(config, len(usable), len(setup.train_ids))
    record = TrainingRecord(schema=SCHEMA, images=tuple(usable), failures=tuple(failures))
    store.save_json(_TRAINING, to_json(TrainingRecord, record))
    return record


def _trained(
    config: HardenConfig,
    setup: _Setup,
    images: Sequence[str],
    pictures: TrainingImages,
    store: RunStore,
    listener: Listener,
) -> Trainer:
    """The network after the last epoch; what earlier calls have trained is read from the disk."""
    train_config = TrainConfig(
        setup.plan.ascent, config.epochs, config.batch, config.clean, config.rate, config.crop, config.mirror,
        config.seed,
    )  # fmt: skip
    trainer = Trainer(setup.segmenter, train_config)
    place = store.directory / _CHECKPOINT
    if place.exists():
        try:
            read_trainer(place, trainer)
        except CheckpointError as error:
            listener.say(f"{error}; it is trained again from the start")
    used = len(images) // config.batch * config.batch
    title = f"training on {config.train_split}"
    with listener.progress(title, config.epochs * used, len(trainer.epochs) * used) as tick:
        while len(trainer.epochs) < config.epochs:
            trainer.epoch(images, pictures, tick)
            write_trainer(store.directory, _CHECKPOINT, trainer)
            last = trainer.epochs[-1]
            listener.say(f"epoch {len(trainer.epochs)}: loss {last.loss:.3f}, attacked pixels right {last.right:.1f} %")
            listener.stop_if_enough()
    return trainer


def _record(config: HardenConfig, setup: _Setup, device: torch.device, command: Sequence[str]) -> HardenRecord:
    """What run.json holds: everything that is needed to repeat the training."""
    train, test = setup.fingerprints
    return HardenRecord(
        schema=SCHEMA,
        kind="harden",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config.model_dump(mode="json"),
        device=device.type,
        seed=config.seed,
        models=(setup.entry.record(SEGMENTATION.name, SEGMENTATION.name),),
        attack=setup.plan.settings,
        train=Split(samples=len(setup.train_ids), sha256=digest_of(train), images=train),
        test=Split(samples=len(setup.test_ids), sha256=digest_of(test), images=test),
        algorithms=algorithms(config.attack, ("harden", SEGMENTATION.name), (config.model, config.data)),
        versions=versions(),
    )
