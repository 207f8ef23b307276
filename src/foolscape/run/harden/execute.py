"""A hardening from its settings to its figures: measure the network, train it, measure it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from foolscape.cluster.forking import servers_kept
from foolscape.data.sample import SegmentationData
from foolscape.errors import CheckpointError, SampleError
from foolscape.models.common.attention import attention
from foolscape.records.places import SUMMARY
from foolscape.records.reader import read_record
from foolscape.records.run import HardenRecord
from foolscape.records.scan import read_rows
from foolscape.records.schema import SCHEMA
from foolscape.records.training import LeftOut, TrainingRecord
from foolscape.records.types import Object, to_json
from foolscape.report.form import having_form
from foolscape.run.directory.store import RunStore, lose_failures, open_run
from foolscape.run.directory.threads import own_threads
from foolscape.run.execute import execute
from foolscape.run.harden.checkpoint import read_trainer, write_trainer, write_weights
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.job import HardenJob, crafting_by
from foolscape.run.harden.pictures import TrainingImages, check_size
from foolscape.run.harden.setup import HardenSetup, check_batch, harden_record, open_network
from foolscape.run.harden.summary import summarise
from foolscape.run.harden.training import Craft, TrainConfig, Trainer, crafting
from foolscape.run.listener import Listener
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.slices.table import SliceTable
from foolscape.run.spread.driver import workers
from foolscape.run.spread.engines import engine_of
from foolscape.spec import parse, written

WEIGHTS = "weights.safetensors"
"""The hardened network; `?weights=` reads it."""

_CHECKPOINT, _TRAINING = "checkpoint.safetensors", "training.json"


def harden(
    config: HardenConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    training: SegmentationData | None = None,
    table: SliceTable | None = None,
    resources: Resources = ALONE,
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
        resources: with what it is carried out: workers attack training images one by one, and measure test images.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    with attention(config.attention), servers_kept():
        return _hardened(config, out, command, listener, training, table, resources)


def _hardened(
    config: HardenConfig,
    out: Path,
    command: Sequence[str],
    listener: Listener,
    training: SegmentationData | None,
    table: SliceTable | None,
    resources: Resources,
) -> Object:
    device = ready_device(config.device)
    setup = open_network(config, device, training)
    record = replace(
        harden_record(config, setup, device, command),
        threads=resources.threads_of(own_threads()) if resources.spread else None,
        apart=resources.spread,
    )
    with open_run(out, record, (), listener.say) as store:
        # The run before training checks the input gradient: on a wrong one nothing can be trained.
        before = execute(
            config.on_test(config.model), out / "before", command, listener, table=table, resources=resources
        )
        images = _training_images(config, setup, store, pictures := TrainingImages(setup.subject), listener)
        lose_failures(images.failures)
        with _crafting(config, setup, store, listener, resources) as craft:
            trainer = _trained(config, setup, images.images, pictures, store, listener, craft)
        write_weights(out, WEIGHTS, trainer.segmenter.module)
        hardened = with_weights(config.model, out / WEIGHTS)
        after = execute(config.on_test(hardened), out / "after", command, listener, table=table, resources=resources)
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


def _training_images(
    config: HardenConfig, setup: HardenSetup, store: RunStore, pictures: TrainingImages, listener: Listener
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


@contextmanager
def _crafting(
    config: HardenConfig, setup: HardenSetup, store: RunStore, listener: Listener, resources: Resources
) -> Iterator[Craft]:
    """What attacks training images: workers, where they were asked for from the beginning on, or this process."""
    record = store.record
    assert isinstance(record, HardenRecord)
    if resources.spread and not record.apart:
        listener.say("the training was begun without workers, and goes on without: last bits depend on it")
    if not resources.spread or not record.apart:
        yield crafting(setup.segmenter, _course(config, setup), apart=record.apart)
        return
    device = str(next(setup.segmenter.module.parameters()).device)
    engine = engine_of(resources, device, record.threads or own_threads(), HardenJob)
    with workers(HardenJob(config, record), engine, store, listener) as pool:
        yield crafting_by(pool, setup.segmenter)


def _course(config: HardenConfig, setup: HardenSetup) -> TrainConfig:
    return TrainConfig(
        setup.plan.ascent, config.epochs, config.batch, config.clean, config.rate, config.crop, config.mirror,
        config.seed,
    )  # fmt: skip


def _trained(
    config: HardenConfig,
    setup: HardenSetup,
    images: Sequence[str],
    pictures: TrainingImages,
    store: RunStore,
    listener: Listener,
    craft: Craft,
) -> Trainer:
    """The network after the last epoch; what earlier calls have trained is read from the disk."""
    trainer = Trainer(setup.segmenter, _course(config, setup), craft)
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
