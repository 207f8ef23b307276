"""Learning the tile of a point, saved after every epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import numpy as np
import torch

from foolscape.attacks.universal.learn import TrainingState, begin, learn, learn_by
from foolscape.cluster.pool import Pool
from foolscape.errors import CheckpointError, DataError, ModelError
from foolscape.records.schema import SCHEMA
from foolscape.records.training import LeftOut, TrainingRecord
from foolscape.records.types import to_json
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.listener import Listener
from foolscape.run.universal.config import CurvePoint, UniversalConfig
from foolscape.run.universal.job import OTHER, SHOWING, gradients_by, looked_at
from foolscape.run.universal.setup import UniversalSetup
from foolscape.run.universal.targets import Hide
from foolscape.run.universal.tile_file import read_learning, write_learning
from foolscape.run.universal.training_samples import TrainingSamples
from foolscape.seeds import generator_for

TRAINING = "training.json"
"""What became of the training images."""


def training_images(
    config: UniversalConfig, setup: UniversalSetup, samples: TrainingSamples, store: RunStore, pool: Pool | None
) -> TrainingRecord:
    """Which training images can be learnt from, as training.json holds it; looked at once, by workers if there are any.

    Raises:
        DataError: nothing is to change on any of them.
    """
    if config.epochs == 0:
        return TrainingRecord(schema=SCHEMA, images=(), showing=0, failures=())
    if (there := store.load_record(TRAINING, TrainingRecord)) is not None:
        return there
    found = {
        name: (what, reason)
        for name, what, reason in (_seen(setup, samples) if pool is None else looked_at(pool, setup.train_ids))
    }
    order = {name: found[name] for name in setup.train_ids}
    showing = [name for name, (what, _) in order.items() if what == SHOWING]
    others = [name for name, (what, _) in order.items() if what == OTHER]
    failures = [LeftOut(id=name, reason=reason) for name, (_, reason) in order.items() if reason]
    if not showing:
        what = "something is to change"
        if isinstance(setup.training.aim, Hide):
            what = f"the model sees what {config.target} names"
        reason = f"; the last: {failures[-1].reason}" if failures else ""
        raise DataError(f"expected training images on which {what}, got none of {len(setup.train_ids)}{reason}")
    used = set(showing) if config.showing else {*showing, *others}
    record = TrainingRecord(
        schema=SCHEMA,
        images=tuple(name for name in setup.train_ids if name in used),
        showing=len(showing),
        failures=tuple(failures),
    )
    store.save_json(TRAINING, to_json(TrainingRecord, record))
    return record


def _seen(setup: UniversalSetup, samples: TrainingSamples) -> Iterator[tuple[str, str, str]]:
    """As `looked_at`, here."""
    for name in setup.train_ids:
        try:
            problem = samples(name).problem
        except FAULTS as error:
            yield name, "failed", reason_of(error)
            continue
        yield name, SHOWING if bool(problem.moving.any()) else OTHER, ""


def learnt(
    config: UniversalConfig,
    point: CurvePoint,
    setup: UniversalSetup,
    images: Sequence[str],
    samples: TrainingSamples,
    store: RunStore,
    listener: Listener,
    pool: Pool | None,
) -> TrainingState:
    """The tile of `point` after the last epoch; what earlier calls have learnt is read from the disk.

    Where there are workers, they take the gradients, which are added in the same order.

    Raises:
        ModelError: the model returns scores that are not finite.
    """
    place = _place(point)
    learning = _before(store, place) or begin(setup.tile)
    recipe = config.recipe(point, setup.task)
    learning = learning.to(setup.device)
    title = f"learning {point.name} on {config.train_split}"
    with listener.progress(title, recipe.epochs * len(images), len(learning.epochs) * len(images)) as tick:
        while (epoch := len(learning.epochs)) < recipe.epochs:
            turns, generator = _turns(config, images, epoch), generator_for(config.seed, "epoch", str(epoch))
            if pool is None:
                makers = [partial(samples, name, mirrored, tick) for name, mirrored in turns]
                learning = learn(learning, recipe, makers, generator)
            else:
                gradients = gradients_by(pool, point.name, turns, tick)
                learning = learn_by(learning, recipe, len(turns), gradients, generator)
            if not np.isfinite(learning.epochs[-1].loss):
                raise ModelError(f"expected finite scores while learning, got a loss of {learning.epochs[-1].loss}")
            write_learning(store.directory, place, learning)
            listener.stop_if_enough()
    return learning


def epochs_learnt(config: UniversalConfig, store: RunStore) -> dict[str, int]:
    """Epochs that earlier calls have learnt, by the name of the point; of what is damaged `learnt` tells."""
    found = {}
    for point in config.points:
        path = store.directory / _place(point)
        if path.exists():
            with suppress(CheckpointError):
                found[point.name] = len(read_learning(path).epochs)
    return found


def _place(point: CurvePoint) -> str:
    return f"learning/{point.name}.safetensors"


def _before(store: RunStore, place: str) -> TrainingState | None:
    """What earlier calls have learnt; None where they have not, or where it is damaged, which is said."""
    path = store.directory / place
    if not path.exists():
        return None
    try:
        return read_learning(path)
    except CheckpointError as error:
        store.say(f"{error}; it is learnt again from the start")
        return None


def _turns(config: UniversalConfig, images: Sequence[str], epoch: int) -> list[tuple[str, bool]]:
    """The images of an epoch, each with whether it is its mirror image's turn."""
    if not config.mirrors:
        return [(name, False) for name in images]
    drawn = torch.randint(2, (len(images),), generator=generator_for(config.seed, "mirror", str(epoch)))
    return list(zip(images, drawn.bool().tolist(), strict=True))
