"""A hardening from its settings to its figures: measure the network, train it, measure it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from foolscape.carriers import shown_as
from foolscape.cluster.keeping import engines_kept
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
from foolscape.run.directory.losses import lose_failures
from foolscape.run.directory.store import RunStore, open_run
from foolscape.run.directory.threads import own_threads
from foolscape.run.execute import execute
from foolscape.run.foresight import proven
from foolscape.run.harden.checkpoint import epochs_in, read_trainer, write_trainer, write_weights
from foolscape.run.harden.config import HardenConfig
from foolscape.run.harden.foresight import foresee_harden
from foolscape.run.harden.job import HardenJob, crafting_by
from foolscape.run.harden.pictures import TrainingImages, check_size
from foolscape.run.harden.setup import HardenSetup, check_batch, harden_record, open_network
from foolscape.run.harden.summary import summarise
from foolscape.run.harden.training import Craft, Epoch, TrainConfig, Trainer, crafting
from foolscape.run.listener import Listener
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.device import ready_device
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.setup import open_setup
from foolscape.run.slices.table import SliceTable
from foolscape.run.spread.driver import workers
from foolscape.run.spread.engines import engine_of, refuse_no_engine
from foolscape.spec import parse, written

WEIGHTS = "weights.safetensors"
"""The hardened network; `?weights=` reads it."""

BEFORE, AFTER = "before", "after"
"""The runs that measure the network."""

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
    refuse_no_engine(resources)
    with attention(config.attention), engines_kept():
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
        with _foreseen(config, setup, out, listener, resources):
            done = _before_and_after(config, setup, store, command, listener, table, resources)
        rows = {when: read_rows(out / when, read_record(out / when)) for when in done.runs}
        listener.phase("summing up")
        with having_form(out):
            summary = summarise(record, done.hardened, done.images, done.epochs, done.runs, rows)
        store.finish(SUMMARY, summary)
    return summary


@dataclass(frozen=True)
class _Done:
    """What a hardening has come to.

    Attributes:
        hardened: the spec of the hardened network.
        images: that it was trained on.
        epochs: what became of each.
        runs: the summaries of the runs `before` and `after`.
    """

    hardened: str
    images: TrainingRecord
    epochs: Sequence[Epoch]
    runs: Mapping[str, Object]


def _before_and_after(
    config: HardenConfig,
    setup: HardenSetup,
    store: RunStore,
    command: Sequence[str],
    listener: Listener,
    table: SliceTable | None,
    resources: Resources,
) -> _Done:
    """The network measured, trained, and measured again."""
    quiet = replace(listener, foreseen=None)  # what both runs take is in the estimate of the whole

    def measured(model: str, when: str) -> Object:
        place = store.directory / when
        return execute(config.on_test(model), place, command, quiet, table=table, resources=resources)

    # The run before training checks the input gradient: on a wrong one nothing can be trained.
    before = measured(config.model, BEFORE)
    images = _training_images(config, setup, store, pictures := TrainingImages(setup.subject), listener)
    lose_failures(images.failures)
    with _crafting(config, setup, store, listener, resources) as craft:
        trainer = _trained(config, setup, images.images, pictures, store, listener, craft)
    write_weights(store.directory, WEIGHTS, trainer.segmenter.module)
    hardened = with_weights(config.model, shown_as(store.directory / WEIGHTS))
    return _Done(hardened, images, trainer.epochs, {BEFORE: before, AFTER: measured(hardened, AFTER)})


def _foreseen(
    config: HardenConfig, setup: HardenSetup, out: Path, listener: Listener, resources: Resources
) -> AbstractContextManager[None]:
    """Tells what is left is estimated to take, and what it took, to a listener who wants to know."""
    if listener.foreseen is None:
        return nullcontext()
    device = ready_device(config.device)
    before, _ = with_attack(config.on_test(config.model))
    runs = sum(not (out / when / SUMMARY).exists() for when in (BEFORE, AFTER))
    left = config.epochs - epochs_in(out / _CHECKPOINT), runs
    run_setup = open_setup(before, device)
    return proven(foresee_harden(config, setup, run_setup, device, left, resources.shared_by), listener.foreseen)


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
